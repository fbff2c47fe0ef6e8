"""Run by gdb on unwind_program: each backtrace must go all the way and end where the flow began.

Prints "checked N" for the number of backtraces, or the first one that is wrong.
"""
import gdb

ENTRY = ["flow_entry", "wf_context_outermost"]
MAIN = ["resume", "main"]
ONE = ["one_inner", "one_outer", "one_body"] + ENTRY
TWO = ["two_inner"] * 4 + ["two_body"] + ENTRY
# What the sanitizers' builds put in between, and the symbol's second name.
NOISE = {"context_land", "context_switch", "switch_registers", "flow_pause", "flow_resume"}
SAME = {"wf_context_start": "wf_context_outermost"}

checked = 0


def backtrace():
    """The names of all frames, innermost first."""
    names = []
    frame = gdb.newest_frame()
    while frame is not None and len(names) < 100:
        name = frame.name()
        if name not in NOISE:
            names.append(SAME.get(name, name))
        frame = frame.older()
    return names


def fail(what, names):
    print("wrong: %s: %s" % (what, " < ".join(str(name) for name in names)))
    gdb.execute("kill", to_string=True)
    gdb.execute("quit 1")


def expect(what, *chains):
    """The backtrace is one of the chains, from its innermost frame or from one further out. In front
    may be one frame of another flow: in the middle of a switch the next flow's frames are already
    the callers."""
    global checked
    names = backtrace()
    checked += 1
    for chain in chains:
        for inner in range(len(chain)):
            if names == chain[inner:] or names[1:] == chain[inner:]:
                return
    fail(what, names)


def follow(what, into, limit):
    """Steps through every instruction until the function named `into` is innermost."""
    for _ in range(limit):
        gdb.execute("stepi", to_string=True)
        expect(what, MAIN, ["innermost"] + ONE, TWO)
        function = gdb.newest_frame().function()
        if into in (gdb.newest_frame().name(), function and function.name):
            return
    fail(what + ": never there", backtrace())


def suspended(what, flow, chain):
    """The backtrace of a suspended flow, from its saved registers."""
    names = {"sp": "rsp", "pc": "rip", "fp": "rbp", "bx": "rbx"}
    if "aarch64" in gdb.selected_frame().architecture().name():
        names = {"sp": "sp", "pc": "pc", "fp": "x29", "bx": "x19"}
    saved = {}
    for field, register in names.items():
        saved[register] = int(gdb.parse_and_eval("(unsigned long)$" + register))
    order = ["sp", "fp", "bx", "pc"]
    values = {f: int(gdb.parse_and_eval("(unsigned long)%s.context.registers.%s" % (flow, f)))
              for f in order}
    for field in order:
        gdb.execute("set $%s = %d" % (names[field], values[field]))
    expect(what, chain)
    for field in order:
        gdb.execute("set $%s = %d" % (names[field], saved[names[field]]))


def main():
    gdb.execute("set pagination off")
    gdb.execute("set confirm off")
    gdb.execute("set width 0")
    gdb.execute("break *resume")
    gdb.execute("break innermost")
    gdb.execute("break both_suspended")
    gdb.execute("run", to_string=True)
    expect("at the first resume", MAIN)
    follow("into a fresh flow", "one_body", 400)
    gdb.execute("continue", to_string=True)
    expect("running flow one", ["innermost"] + ONE)
    follow("back to main", "main", 400)
    gdb.execute("continue", to_string=True)  # resume(&two)
    gdb.execute("continue", to_string=True)
    expect("running flow two", ["innermost"] + TWO)
    gdb.execute("continue", to_string=True)
    expect("main", ["both_suspended", "main"])
    suspended("suspended flow one", "one", ONE)
    suspended("suspended flow two", "two", TWO)
    expect("main again", ["both_suspended", "main"])
    gdb.execute("continue", to_string=True)  # resume(&one)
    follow("into a suspended flow", "one_body", 400)
    print("checked %d" % checked)
    gdb.execute("kill", to_string=True)


main()
