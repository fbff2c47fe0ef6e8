/*
 * process_options_test.c - what a program gets from us: environment, folder, descriptors, session,
 * signals (PROC-30).
 */
#include <fcntl.h>
#include <limits.h>

#include "tests/net/processes.h"
#include "tests/support/suite.h"

/* Environment and folder; a relative program is found from there. */
START_SIM(environment_and_folder)
{
    char folder[] = "/tmp/process_options_XXXXXX", path[64];
    ck_assert_str_eq(
        heard(SHELL("echo $A-$B"), (weft_subprocess_options){.env = ARGV("A=1", "B=two words")}),
        "1-two words\n");
    ck_assert_int_eq(setenv("WEFT_TEST_OURS", "inherited", 1), 0);
    ck_assert_str_eq(heard(SHELL("echo $WEFT_TEST_OURS"), NO_OPTIONS), "inherited\n");
    ck_assert_str_eq(
        heard(SHELL("echo .$WEFT_TEST_OURS"), (weft_subprocess_options){.env = ARGV("A=1")}),
        ".\n");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/here", folder);
    ck_assert_int_eq(symlink("/bin/sh", path), 0);
    char *want = realpath(folder, NULL);
    ck_assert_str_eq(heard(ARGV("./here", "-c", "printf %s \"$(pwd)\""),
                           (weft_subprocess_options){.cwd = folder}),
                     want);
    /* PATH is the program's own, if it is given an environment: as execvpe(). */
    char search[96], last[96];
    snprintf(search, sizeof(search), "PATH=/no/such:/etc/passwd:%s:/bin", folder);
    snprintf(last, sizeof(last), "PATH=%s", folder);
    ck_assert_str_eq(heard(ARGV("here", "-c", "echo found"),
                           (weft_subprocess_options){.env = ARGV("X=1", search)}),
                     "found\n");
    ck_assert_str_eq(
        heard(ARGV("here", "-c", "echo found"), (weft_subprocess_options){.env = ARGV(last)}),
        "found\n");
    ck_assert_str_eq(heard(ARGV("here", "-c", "echo found"),
                           (weft_subprocess_options){.env = ARGV("PATH="), .cwd = folder}),
                     "found\n"); /* an empty folder is the working one */
    ck_assert_str_eq(
        heard(ARGV("sh", "-c", "echo default"), (weft_subprocess_options){.env = ARGV("X=1")}),
        "default\n");
    free(want);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
    return 0;
}

/* The numbers of the program's descriptors, in order. What is not below 200 is the shell's own. */
static const char *listed(weft_subprocess_options options)
{
    static char text[256];
    bool open[200] = {false};
    options.stdin_fd = WEFT_DEVNULL;
    heard(SHELL("for f in /proc/$$/fd/*; do test -e $f && echo ${f##*/}; done; true"), options);
    for (char *number = strtok(heard_text, "\n"); number; number = strtok(NULL, "\n"))
        if (atoi(number) < 200)
            open[atoi(number)] = true;
    text[0] = '\0';
    for (int fd = 0; fd < 200; fd++)
        if (open[fd])
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d ", fd);
    return text;
}

/* A program has descriptors 0 to 2, and what it is passed; also of those that are open in this program
 * without being closed on exec (close_fds). */
START_SIM(only_the_given_descriptors_are_open)
{
    int ours[8];
    for (int i = 0; i < 8; i++) {
        ours[i] = open("/dev/null", i % 2 ? O_RDONLY : O_RDONLY | O_CLOEXEC);
        ck_assert_int_gt(ours[i], 2);
    }
    int far = fcntl(ours[0], F_DUPFD, 150);
    ck_assert_int_ge(far, 150);
    char want[64];
    ck_assert_str_eq(listed(NO_OPTIONS), "0 1 2 ");
    /* Passed: whether it is closed on exec here or not, high and low, said twice, or standard. */
    const int pass[] = {ours[6], ours[1], 2, ours[1]};
    snprintf(want, sizeof(want), "0 1 2 %d %d ", ours[1], ours[6]);
    ck_assert_str_eq(listed((weft_subprocess_options){.pass_fds = pass, .pass_fds_count = 4}),
                     want);
    snprintf(want, sizeof(want), "0 1 2 %d %d ", ours[0], far);
    ck_assert_str_eq(
        listed((weft_subprocess_options){.pass_fds = (int[]){far, ours[0]}, .pass_fds_count = 2}),
        want);
    ck_assert_int_eq(fcntl(ours[6], F_GETFD), FD_CLOEXEC); /* ours stay as they are */
    /* Without close_fds: all that is not closed on exec. */
    const char *all = listed((weft_subprocess_options){.keep_fds = true});
    for (int i = 0; i < 8; i++) {
        snprintf(want, sizeof(want), " %d ", ours[i]);
        ck_assert_int_eq(strstr(all, want) != NULL, i % 2);
    }
    snprintf(want, sizeof(want), " %d ", far);
    ck_assert_ptr_nonnull(strstr(all, want));
    close(far);
    for (int i = 0; i < 8; i++)
        close(ours[i]);
    return 0;
}

/* One that is not open cannot be passed. */
START_SIM(only_open_descriptors_are_passed)
{
    weft_process *process;
    weft_subprocess_options options = {.pass_fds = (int[]){12345}, .pass_fds_count = 1};
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("true"), &options, &process), -EBADF);
    options.pass_fds = (int[]){-1};
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("true"), &options, &process), -EBADF);
    options.pass_fds = NULL;
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("true"), &options, &process), -EINVAL);
    ck_assert_no_child();
    return 0;
}

/* A session and process groups. */
START_SIM(session_and_group)
{
    weft_subprocess_options options = {.start_new_session = true};
    weft_process *process = start(ARGV("sleep", "infinity"), &options);
    pid_t leader = weft_process_pid(process);
    ck_assert_int_eq(getsid(leader), leader);
    ck_assert_int_eq(getpgid(leader), leader);
    weft_process_unref(process);

    options = (weft_subprocess_options){.process_group = -1};
    process = start(ARGV("sleep", "infinity"), &options);
    leader = weft_process_pid(process);
    ck_assert_int_eq(getsid(leader), getsid(0));
    ck_assert_int_eq(getpgid(leader), leader);
    options = (weft_subprocess_options){.process_group = leader};
    weft_process *second = start(ARGV("sleep", "infinity"), &options);
    ck_assert_int_eq(getpgid(weft_process_pid(second)), leader);
    ck_assert_int_eq(kill(-leader, SIGTERM), 0);
    ck_assert_int_eq(ended(process), -SIGTERM);
    ck_assert_int_eq(ended(second), -SIGTERM);

    weft_process *none;
    options.process_group = leader; /* gone */
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("true"), &options, &none), -EPERM);
    return 0;
}

/* A line of the program's own /proc/self/status. */
static unsigned long long signals_of_program(const char *which)
{
    unsigned long long bits = ~0ull;
    heard(ARGV("cat", "/proc/self/status"), NO_OPTIONS);
    const char *line = strstr(heard_text, which);
    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(sscanf(strchr(line, ':') + 1, "%llx", &bits), 1);
    return bits;
}

static bool has(unsigned long long bits, int number)
{
    return bits >> (number - 1) & 1;
}

static void handler(int number)
{
    (void)number;
}

/* No signal is blocked in the program, though this thread blocks them all, as loop threads do; what is
 * handled here is not; what is ignored stays so, except for SIGPIPE and SIGXFSZ. */
START_SIM(signals_are_as_the_system_has_them)
{
    sigset_t all, before;
    sigfillset(&all);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &all, &before), 0);
    ck_assert_ptr_ne(signal(SIGPIPE, SIG_IGN), SIG_ERR);
    ck_assert_ptr_ne(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    ck_assert_ptr_ne(signal(SIGHUP, SIG_IGN), SIG_ERR);
    ck_assert_ptr_ne(signal(SIGUSR1, handler), SIG_ERR);
    ck_assert_uint_eq(signals_of_program("SigBlk"), 0);
    ck_assert_uint_eq(signals_of_program("SigCgt"), 0);
    unsigned long long ignored = signals_of_program("SigIgn");
    ck_assert(has(ignored, SIGHUP));
    ck_assert(!has(ignored, SIGPIPE));
    ck_assert(!has(ignored, SIGXFSZ));
    ck_assert(!has(ignored, SIGUSR1));
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    return 0;
}

SUITE("process_options", environment_and_folder, only_the_given_descriptors_are_open,
      only_open_descriptors_are_passed, session_and_group, signals_are_as_the_system_has_them)
