"""weft.py - weft's loops and tasks in gdb, of a live process or a core file.

    (gdb) source weft.py
    (gdb) info weft-tasks      all loops and their unfinished tasks: name, state, what each waits for
    (gdb) weft-bt TASK         the calls of a task, which is named by its name or its address

Reads memory only, but for weft-bt on a live process: it puts a suspended task's registers into the
selected thread for as long as it prints, so that gdb shows arguments and inlined calls. On a core
file it walks frame pointers. Needs the debug information that libweft is built with. The kernel's core
files are whole; those of gdb's gcore lack the stacks where their guards are in the page table (Linux
6.13 and later), since gdb does not read on behind a page that it cannot read.
"""
import gdb

KIND_TASK = 2  # enum future_kind
RUNNING = {0: "not running", 1: "running", 2: "held", 3: "being made or closed"}
TASKS_MAX = 1 << 20  # a list in broken memory may have no end
FRAMES_MAX = 256

REGISTERS = {"sp": "rsp", "fp": "rbp", "bx": "rbx", "pc": "rip"}
REGISTERS_AARCH64 = {"sp": "sp", "fp": "x29", "bx": "x19", "pc": "pc"}


def is_aarch64():
    return "aarch64" in gdb.selected_inferior().architecture().name()


def loops():
    """All loops of the process that are open, in the order in which they were made."""
    found = []
    loop = gdb.parse_and_eval("wf_loops_made")
    while int(loop) and len(found) < TASKS_MAX:
        if int(loop["life"]) and not int(loop["closed"]):
            found.append(loop)
        loop = loop["next_made"]
    return reversed(found)


def tasks(loop):
    """The unfinished tasks of a loop, in order of creation."""
    task, count = loop["tasks_first"], 0
    while int(task) and count < TASKS_MAX:
        yield task
        task, count = task["next"], count + 1


def task_name(task):
    if int(task["named"]):
        return task["name"].string(errors="replace")
    return "Task-%d" % int(task["number"])


def as_task(future):
    """A future as a task, or None."""
    future = future.cast(gdb.lookup_type("struct weft_future").pointer())
    if int(future["kind"]) != KIND_TASK:
        return None
    return future.cast(gdb.lookup_type("struct task").pointer())


def is_current(loop, task):
    return int(loop["current"]) == int(task)


def task_state(loop, task):
    if is_current(loop, task):
        return "running"
    if not int(task["started"]):
        return "not started"
    wait = task["wait"]
    if not int(wait):
        return "ready"
    what = wait["ops"]["what"].string()
    text = "waits for " + what
    if int(wait["object"]):
        text += " 0x%x" % int(wait["object"])
        other = as_task(wait["object"]) if what == "future" else None
        if other is not None:
            text += ", task " + task_name(other)
    return text


def thread_of(loop):
    """The thread that runs a loop, or None: unknown."""
    selected = gdb.selected_thread()
    frame = gdb.selected_frame() if selected else None
    try:
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            try:
                if int(gdb.parse_and_eval("wf_loop_running")) == int(loop):
                    return thread
            except gdb.error:
                continue
    finally:
        if selected:
            selected.switch()
            frame.select()
    return None


class InfoTasks(gdb.Command):
    """List weft's loops and their unfinished tasks."""

    def __init__(self):
        super().__init__("info weft-tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        count = 0
        for loop in loops():
            count += 1
            state = RUNNING.get(int(loop["running"]), "?")
            thread = thread_of(loop) if state == "running" else None
            if thread is not None:
                state += " in thread %d" % thread.num
            print("loop 0x%x: %s" % (int(loop), state))
            for task in tasks(loop):
                try:
                    print("  0x%x  %-20s  %s" % (int(task), task_name(task), task_state(loop, task)))
                except gdb.error as error:
                    print("  0x%x  cannot be read: %s" % (int(task), error))
        if not count:
            print("no open loops")


def find_task(words):
    """(loop, task) by name or by an expression for its address."""
    for loop in loops():
        for task in tasks(loop):
            if task_name(task) == words:
                return loop, task
    try:
        address = int(gdb.parse_and_eval(words))
    except gdb.error:
        address = 0
    for loop in loops():
        for task in tasks(loop):
            if int(task) == address:
                return loop, task
    raise gdb.GdbError("no unfinished task is called %s" % words)


def flows(task):
    """The saved registers of a suspended task, and those of the flows that called its innermost
    one: a task inside a generator has several. With the bounds of the stack of each."""
    registers, stack = task["context"]["registers"], task["stack"]
    while True:
        yield registers, stack
        if not int(stack["inner"]):
            return
        caller = stack["caller"]
        registers, stack = caller["context"]["registers"], caller["stack"]


def describe(number, pc, is_return):
    at = pc - 1 if is_return else pc
    block = gdb.block_for_pc(at)
    while block is not None and block.function is None:
        block = block.superblock
    if block is not None:
        name = block.function.print_name
    else:
        words = gdb.execute("info symbol 0x%x" % at, to_string=True).split()
        name = words[0] if words and words[0] != "No" else "??"
    line = gdb.find_pc_line(at)
    where = " at %s:%d" % (line.symtab.filename, line.line) if line.symtab else ""
    print("#%-3d 0x%016x in %s ()%s" % (number, pc, name, where))


def walk(registers, top, number):
    """Prints the calls of a flow by its frame pointers. Returns the next number."""
    word = gdb.lookup_type("unsigned long")
    pc, frame, is_return = int(registers["pc"]), int(registers["fp"]), False
    while pc and number < FRAMES_MAX:
        describe(number, pc, is_return)
        number += 1
        if not frame or frame % 8 or frame + 16 > top:
            break
        try:
            links = gdb.Value(frame).cast(word.pointer())
            outer, pc, is_return = int(links[0]), int(links[1]), True
        except gdb.error:
            break
        if outer <= frame:
            if pc:
                describe(number, pc, True)
                number += 1
            break
        frame = outer
    return number


def put_registers(values):
    names = REGISTERS_AARCH64 if is_aarch64() else REGISTERS
    gdb.newest_frame().select()
    for field in ("sp", "fp", "bx", "pc"):
        gdb.execute("set $%s = 0x%x" % (names[field], values[field]), to_string=True)


def take_registers():
    names = REGISTERS_AARCH64 if is_aarch64() else REGISTERS
    gdb.newest_frame().select()
    word = gdb.lookup_type("unsigned long")
    return {field: int(gdb.parse_and_eval("$" + name).cast(word)) for field, name in names.items()}


def is_live():
    """Whether registers can be written."""
    connection = gdb.selected_inferior().connection
    return connection is not None and connection.type in ("native", "remote", "extended-remote")


def backtrace_live(registers):
    saved = take_registers()
    try:
        put_registers({field: int(registers[field]) for field in saved})
        gdb.execute("backtrace")
    finally:
        put_registers(saved)


class Backtrace(gdb.Command):
    """Print the calls of a weft task: weft-bt NAME, or weft-bt ADDRESS."""

    def __init__(self):
        super().__init__("weft-bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        if not argument.strip():
            raise gdb.GdbError("weft-bt needs the name or the address of a task")
        loop, task = find_task(argument.strip())
        print("task 0x%x %s: %s" % (int(task), task_name(task), task_state(loop, task)))
        if is_current(loop, task):
            thread = thread_of(loop)
            if thread is None:
                print("its calls are those of the thread that runs its loop")
            else:
                gdb.execute("thread apply %d backtrace" % thread.num)
            return
        if not int(task["started"]):
            return
        number = 0
        for registers, stack in flows(task):
            if is_live():
                backtrace_live(registers)
            else:
                number = walk(registers, int(stack["top"]), number)


InfoTasks()
Backtrace()
