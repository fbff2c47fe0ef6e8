/*
 * switch_x86_64.S - where a fresh flow of control begins (see context_init() in switch.h).
 *
 * Entered by the jump of a switch, with rsp on a multiple of 16, the entry function at (rsp), its
 * argument in rbx and 0 in rbp. It is the outermost frame: the return address is undefined to
 * unwinders, and the frame-pointer chain ends in 0. The nops belong to it because unwinders look up
 * the byte before a resume point, and before a return address.
 *
 * The entry function is jumped to: a call from which nobody returns would leave the processor's
 * return predictor one off, and the flow that is continued later would miss at each of its returns.
 */
        .text
        .p2align 4
        .globl  wf_context_start
        .hidden wf_context_start
        .type   wf_context_outermost, @function
wf_context_outermost:
        .cfi_startproc
        .cfi_undefined rip
        nop
wf_context_start:
#if defined(__CET__) && (__CET__ & 1)
        endbr64
#endif
        movq    %rbx, %rdi
        movq    (%rsp), %rax
        leaq    1f(%rip), %rcx
        pushq   %rcx
        jmpq    *%rax
        nop
1:      ud2
        .cfi_endproc
        .size   wf_context_outermost, . - wf_context_outermost

#if defined(__CET__) && (__CET__ & 1)
/* Indirect branch tracking: yes. Shadow stacks: no, and by lacking that bit here the linker takes
 * it from the whole program: a switch does not change the shadow stack with the stack. */
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000002, 4, 1, 0
#endif
        .section .note.GNU-stack, "", @progbits
