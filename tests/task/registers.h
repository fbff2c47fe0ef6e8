/*
 * registers.h - registers_changed(): sets every register that a call must keep, calls a function
 * that switches stacks, and counts the registers that have changed. For one source file a program.
 */
#ifndef WEFT_TESTS_TASK_REGISTERS_H
#define WEFT_TESTS_TASK_REGISTERS_H

/* Calls pause(arg) with register number i holding seed + i; how many hold something else after. */
long registers_changed(void (*pause)(void *arg), void *arg, long seed);

#if defined(__x86_64__)

__asm__(".text\n"
        ".globl registers_changed\n"
        ".type registers_changed, @function\n"
        "registers_changed:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15; pushq %rdx\n"
        "    .cfi_adjust_cfa_offset 56\n"
        "    movq %rdi, %rax\n"
        "    movq %rsi, %rdi\n"
        "    leaq 1(%rdx), %rbx\n"
        "    leaq 2(%rdx), %rbp\n"
        "    leaq 3(%rdx), %r12\n"
        "    leaq 4(%rdx), %r13\n"
        "    leaq 5(%rdx), %r14\n"
        "    leaq 6(%rdx), %r15\n"
        "    callq *%rax\n"
        "    movq (%rsp), %rdx\n"
        "    xorl %eax, %eax\n"
        "    subq $1, %rbx; cmpq %rdx, %rbx; setne %al; movzbl %al, %ecx\n"
        "    subq $2, %rbp; cmpq %rdx, %rbp; setne %al; addl %eax, %ecx\n"
        "    subq $3, %r12; cmpq %rdx, %r12; setne %al; addl %eax, %ecx\n"
        "    subq $4, %r13; cmpq %rdx, %r13; setne %al; addl %eax, %ecx\n"
        "    subq $5, %r14; cmpq %rdx, %r14; setne %al; addl %eax, %ecx\n"
        "    subq $6, %r15; cmpq %rdx, %r15; setne %al; addl %eax, %ecx\n"
        "    movslq %ecx, %rax\n"
        "    popq %rdx; popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n"
        "    .cfi_adjust_cfa_offset -56\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size registers_changed, . - registers_changed\n");

#elif defined(__aarch64__)

#define REGISTERS_ALL(each)                                                                   \
    each(19) each(20) each(21) each(22) each(23) each(24) each(25) each(26) each(27) each(28) \
        each(29)
#define REGISTERS_ALL_FP(each) each(8) each(9) each(10) each(11) each(12) each(13) each(14) each(15)

#define REGISTERS_SET(n)    "    add x" #n ", x2, #" #n "\n"
#define REGISTERS_CHECK(n)  "    sub x9, x" #n ", #" #n "\n    cmp x9, x2\n    cinc x0, x0, ne\n"
#define REGISTERS_SET_FP(n) "    add x9, x2, #" #n "\n    fmov d" #n ", x9\n"
#define REGISTERS_CHECK_FP(n) \
    "    fmov x9, d" #n "\n    sub x9, x9, #" #n "\n    cmp x9, x2\n    cinc x0, x0, ne\n"

__asm__(".text\n"
        ".globl registers_changed\n"
        ".type registers_changed, %function\n"
        "registers_changed:\n"
        "    hint #34\n" /* bti c */
        "    stp x29, x30, [sp, #-176]!\n"
        "    stp x19, x20, [sp, #16]\n"
        "    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n"
        "    stp x25, x26, [sp, #64]\n"
        "    stp x27, x28, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    str x2, [sp, #160]\n"
        "    mov x10, x0\n"
        "    mov x0, x1\n" REGISTERS_ALL(REGISTERS_SET) REGISTERS_ALL_FP(
            REGISTERS_SET_FP) "    blr x10\n"
                              "    ldr x2, [sp, #160]\n"
                              "    mov x0, #0\n" REGISTERS_ALL(REGISTERS_CHECK) REGISTERS_ALL_FP(
                                  REGISTERS_CHECK_FP) "    ldp x19, x20, [sp, #16]\n"
                                                      "    ldp x21, x22, [sp, #32]\n"
                                                      "    ldp x23, x24, [sp, #48]\n"
                                                      "    ldp x25, x26, [sp, #64]\n"
                                                      "    ldp x27, x28, [sp, #80]\n"
                                                      "    ldp d8, d9, [sp, #96]\n"
                                                      "    ldp d10, d11, [sp, #112]\n"
                                                      "    ldp d12, d13, [sp, #128]\n"
                                                      "    ldp d14, d15, [sp, #144]\n"
                                                      "    ldp x29, x30, [sp], #176\n"
                                                      "    ret\n"
                                                      ".size registers_changed, . - "
                                                      "registers_changed\n");

#endif
#endif
