/*
 * switch_aarch64.h - one flow of control for another on aarch64, as inline assembly (see switch.h).
 *
 * As on x86-64: the compiler saves what is live, but for x29 and x19, which compilers use as frame
 * and base pointer and which are saved here. FPCR is not switched, as no call would expect a callee
 * to change it.
 */
#ifndef WEFT_RUNTIME_TASK_SWITCH_AARCH64_H
#define WEFT_RUNTIME_TASK_SWITCH_AARCH64_H

/* A suspended flow's registers; offsets are known to the assembly. */
struct context_registers {
    void *sp;
    void *pc;
    void *fp; /* x29 */
    void *bx; /* x19 */
};

#ifdef __ARM_FEATURE_BTI_DEFAULT
#define SWITCH_LANDING "hint #36\n\t" /* bti j */
#else
#define SWITCH_LANDING ""
#endif

/*
 * While the registers of the next flow are loaded, an unwinder sees a frame that was called from
 * the point at which that flow resumes: CFA = to->sp, and the return address, x29 and x19 are found
 * in *to (x1). The brk is never reached; unwinders look up the instruction before a return address,
 * and must find the function's own row there.
 */
#ifdef __GCC_HAVE_DWARF2_CFI_ASM
#define SWITCH_CFI_BEGIN                                      \
    ".cfi_remember_state\n\t"                                 \
    ".cfi_escape 0x0f,3,0x71,0,0x06\n\t" /* CFA = *(x1) */    \
    ".cfi_escape 0x10,30,2,0x71,8\n\t"   /* pc at x1 + 8 */   \
    ".cfi_escape 0x10,29,2,0x71,16\n\t"  /* x29 at x1 + 16 */ \
    ".cfi_escape 0x10,19,2,0x71,24\n\t"  /* x19 at x1 + 24 */
#define SWITCH_CFI_END ".cfi_restore_state\n\t"
#else
#define SWITCH_CFI_BEGIN ""
#define SWITCH_CFI_END   ""
#endif

#ifdef __ARM_FEATURE_SVE
#define SWITCH_CLOBBERS_SVE                                                                   \
    , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", \
        "p14", "p15", "ffr"
#else
#define SWITCH_CLOBBERS_SVE
#endif

#define SWITCH_CLOBBERS                                                                            \
    "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",      \
        "x16", "x17", "x18", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", \
        "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",    \
        "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", \
        "v27", "v28", "v29", "v30", "v31", "memory", "cc" SWITCH_CLOBBERS_SVE

static inline void switch_init_fpu(struct context_registers *registers)
{
    (void)registers;
}

/* Saves the running flow in *from and continues *to. Returns what the flow was continued by, which
 * is from: the other side leaves it in x1. So it need not be kept meanwhile. */
__attribute__((always_inline)) static inline struct context_registers *
switch_registers(struct context_registers *from, struct context_registers *to)
{
    register struct context_registers *from_x0 __asm__("x0") = from;
    register struct context_registers *to_x1 __asm__("x1") = to;

    __asm__ volatile("adr x9, 1f\n\t"
                     "mov x10, sp\n\t"
                     "stp x10, x9, [%[from]]\n\t"
                     "stp x29, x19, [%[from], #16]\n\t"
                     "ldp x10, x9, [%[to]]\n\t" SWITCH_CFI_BEGIN "ldp x29, x19, [%[to], #16]\n\t"
                     "mov sp, x10\n\t"
                     "br x9\n\t" SWITCH_CFI_END "brk #1\n"
                     "1:\n\t" SWITCH_LANDING
                     : [from] "+r"(from_x0), [to] "+r"(to_x1)
                     :
                     : SWITCH_CLOBBERS);
    return to_x1;
}

/* The second half of it: the running flow has ended, and is not saved. */
_Noreturn __attribute__((always_inline)) static inline void
switch_leave(struct context_registers *to)
{
    register struct context_registers *to_x1 __asm__("x1") = to;

    __asm__ volatile("ldp x10, x9, [%[to]]\n\t" SWITCH_CFI_BEGIN "ldp x29, x19, [%[to], #16]\n\t"
                     "mov sp, x10\n\t"
                     "br x9\n\t" SWITCH_CFI_END "brk #1"
                     :
                     : [to] "r"(to_x1)
                     : "memory");
    __builtin_unreachable();
}

#endif
