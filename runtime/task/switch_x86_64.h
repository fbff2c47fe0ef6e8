/*
 * switch_x86_64.h - one flow of control for another on x86-64, as inline assembly (see switch.h).
 *
 * The compiler is told that everything but rsp, rbp and rbx is lost, so it saves what is live where
 * it pleases, and the resume point needs no more unwind information than any other line of the
 * function. rbp and rbx are saved here: compilers use them as frame and base pointer and then do
 * not accept them as lost.
 *
 * The processor leaves by an indirect jump, whose target is as good as constant when switches
 * happen in few places. Measured on rings of 2, 16 and 1000 flows (ns a hop, EPYC, gcc 12; bench's
 * switch_bench has the first two):
 *
 *     this, inlined                          2.1   1.7    2.2
 *     function, six pushes, six pops, ret    2.0   2.0    2.8
 *     function, leaving by pop and jmp      11.8  12.6   15.8
 *
 * (With a jmp for the ret of a call, the return predictor is off by one from there on.) rsp is
 * loaded first: what follows the switch waits for it.
 *
 * Neither MXCSR nor the x87 control word is switched, as no call would expect a callee to change
 * them: a flow that changes its rounding mode changes it for every flow of the thread. Build with
 * -DWEFT_SAVE_FPU where that matters.
 */
#ifndef WEFT_RUNTIME_TASK_SWITCH_X86_64_H
#define WEFT_RUNTIME_TASK_SWITCH_X86_64_H

#include <stdint.h>

/* A suspended flow's registers; offsets are known to the assembly. */
struct context_registers {
    void *sp;
    void *pc;
    void *fp; /* rbp */
    void *bx; /* rbx */
#ifdef WEFT_SAVE_FPU
    uint32_t mxcsr;
    uint16_t x87;
#endif
};

#if defined(__CET__) && (__CET__ & 1)
#define SWITCH_LANDING "endbr64\n\t"
#else
#define SWITCH_LANDING ""
#endif

#ifdef WEFT_SAVE_FPU
#define SWITCH_SAVE_FPU "stmxcsr 32(%[from])\n\tfnstcw 36(%[from])\n\t"
#define SWITCH_LOAD_FPU "ldmxcsr 32(%[to])\n\tfldcw 36(%[to])\n\t"
#else
#define SWITCH_SAVE_FPU ""
#define SWITCH_LOAD_FPU ""
#endif

/*
 * While the registers of the next flow are loaded, an unwinder sees a frame that was called from
 * the point at which that flow resumes: CFA = to->sp, and rip, rbp, rbx are found in *to (rsi). The
 * int3 is never reached; unwinders look up the byte before a return address, and must find the
 * function's own row there.
 */
#ifdef __GCC_HAVE_DWARF2_CFI_ASM
#define SWITCH_CFI_BEGIN                                       \
    ".cfi_remember_state\n\t"                                  \
    ".cfi_escape 0x0f,3,0x74,0,0x06\n\t" /* CFA = *(rsi) */    \
    ".cfi_escape 0x10,16,2,0x74,8\n\t"   /* rip at rsi + 8 */  \
    ".cfi_escape 0x10,6,2,0x74,16\n\t"   /* rbp at rsi + 16 */ \
    ".cfi_escape 0x10,3,2,0x74,24\n\t"   /* rbx at rsi + 24 */ \
    ".cfi_undefined r12\n\t.cfi_undefined r13\n\t"             \
    ".cfi_undefined r14\n\t.cfi_undefined r15\n\t"
#define SWITCH_CFI_END ".cfi_restore_state\n\t"
#else
#define SWITCH_CFI_BEGIN ""
#define SWITCH_CFI_END   ""
#endif

#ifdef __AVX512F__
#define SWITCH_CLOBBERS_AVX512                                                                    \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",   \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", \
        "k7"
#else
#define SWITCH_CLOBBERS_AVX512
#endif

#define SWITCH_CLOBBERS                                                                            \
    "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1",     \
        "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", \
        "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)",     \
        "st(7)", "memory", "cc" SWITCH_CLOBBERS_AVX512

/* A fresh flow starts with the floating-point modes of the one that made it, as a thread does. */
static inline void switch_init_fpu(struct context_registers *registers)
{
#ifdef WEFT_SAVE_FPU
    __asm__("stmxcsr %0\n\tfnstcw %1" : "=m"(registers->mxcsr), "=m"(registers->x87));
#else
    (void)registers;
#endif
}

/* Saves the running flow in *from and continues *to. Returns what the flow was continued by, which
 * is from: the other side leaves it in rsi. So it need not be kept meanwhile. */
__attribute__((always_inline)) static inline struct context_registers *
switch_registers(struct context_registers *from, struct context_registers *to)
{
    register struct context_registers *from_rdi __asm__("rdi") = from;
    register struct context_registers *to_rsi __asm__("rsi") = to;

    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rsp, 0(%[from])\n\t"
                     "movq %%rax, 8(%[from])\n\t"
                     "movq %%rbp, 16(%[from])\n\t"
                     "movq %%rbx, 24(%[from])\n\t" SWITCH_SAVE_FPU SWITCH_LOAD_FPU SWITCH_CFI_BEGIN
                     "movq 0(%[to]), %%rsp\n\t"
                     "movq 24(%[to]), %%rbx\n\t"
                     "movq 16(%[to]), %%rbp\n\t"
                     "jmpq *8(%[to])\n\t" SWITCH_CFI_END "int3\n"
                     "1:\n\t" SWITCH_LANDING
                     : [from] "+r"(from_rdi), [to] "+r"(to_rsi)
                     :
                     : SWITCH_CLOBBERS);
    return to_rsi;
}

/* The second half of it: the running flow has ended, and is not saved. */
_Noreturn __attribute__((always_inline)) static inline void
switch_leave(struct context_registers *to)
{
    register struct context_registers *to_rsi __asm__("rsi") = to;

    __asm__ volatile(SWITCH_LOAD_FPU SWITCH_CFI_BEGIN "movq 0(%[to]), %%rsp\n\t"
                                                      "movq 24(%[to]), %%rbx\n\t"
                                                      "movq 16(%[to]), %%rbp\n\t"
                                                      "jmpq *8(%[to])\n\t" SWITCH_CFI_END "int3"
                     :
                     : [to] "r"(to_rsi)
                     : "memory");
    __builtin_unreachable();
}

#endif
