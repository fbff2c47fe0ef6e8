/*
 * switch_aarch64.S - where a fresh flow of control begins (see context_init() in switch.h).
 *
 * Entered by the branch of a switch, with sp on a multiple of 16, the entry function at [sp], its
 * argument in x19 and 0 in x29. It is the outermost frame: the return address is undefined to
 * unwinders, and the frame-pointer chain ends in 0. The nop belongs to it because unwinders look up
 * the instruction before a resume point, and before a return address. The entry function is jumped
 * to and not called, for the sake of the return predictor.
 */
        .text
        .p2align 4
        .globl  wf_context_start
        .hidden wf_context_start
        .type   wf_context_outermost, %function
wf_context_outermost:
        .cfi_startproc
        .cfi_undefined x30
        nop
wf_context_start:
#ifdef __ARM_FEATURE_BTI_DEFAULT
        hint    #36             /* bti j */
#endif
        mov     x0, x19
        ldr     x16, [sp]
        adr     x30, 1f
        br      x16
        nop
1:      brk     #1
        .cfi_endproc
        .size   wf_context_outermost, . - wf_context_outermost

#ifdef __ARM_FEATURE_BTI_DEFAULT
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000000, 4, 1, 0     /* GNU_PROPERTY_AARCH64_FEATURE_1_AND: BTI */
#endif
        .section .note.GNU-stack, "", %progbits
