#!/usr/bin/env python3
"""proxy_test.py PROXY [POLLER [SEED]]

The proxy under clients and targets that break off anywhere. What a pair of well-behaved ends send
each other arrives to the last byte, in both directions, with half-closes; afterwards the proxy has
as many descriptors as before. The seed is printed, and makes the same sequence again.
"""
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading

TIMEOUT = 120  # for what must come; nothing is decided by how long it takes
passed = failed = 0


def check(what, good, said=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what} {said}")


def reset(sock):
    """Closes it as a crash of the peer would: with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_all(sock):
    data = bytearray()
    while more := sock.recv(65536):
        data += more
    return bytes(data)


class Target:
    """A server whose connections say in their first byte what is to become of them."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            sock.settimeout(TIMEOUT)
            what = sock.recv(1)
            if what == b"e":  # echo, to the end
                while data := sock.recv(65536):
                    sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
            elif what == b"l":  # answers only when all has come
                data = read_all(sock)
                sock.sendall(data[::-1])
            elif what == b"f":  # ends its own direction first, and then listens
                sock.sendall(b"first")
                sock.shutdown(socket.SHUT_WR)
                self.heard = read_all(sock)
            elif what == b"r":  # breaks off after some bytes
                sock.recv(1000)
                reset(sock)
                return
            elif what == b"s":  # sends, and takes nothing
                sock.sendall(bytes(3000000))
            sock.close()
        except OSError:
            sock.close()


class Proxy:
    def __init__(self, program, port, *options):
        self.p = subprocess.Popen([program, "--port", "0", "--to", f"127.0.0.1:{port}", *options],
                                  stdout=subprocess.PIPE, text=True)
        self.port = int(self.p.stdout.readline().rsplit(":", 1)[1])
        self.at_first = self.descriptors()

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        sock.settimeout(TIMEOUT)
        return sock

    def descriptors(self):
        """Of sockets, those that listen included."""
        folder, count = f"/proc/{self.p.pid}/fd", 0
        for name in os.listdir(folder):
            try:
                count += os.readlink(f"{folder}/{name}").startswith("socket:")
            except FileNotFoundError:
                pass
        return count

    def settles(self):
        """Waits until no connection is open any more."""
        while self.descriptors() > self.at_first:
            if self.p.poll() is not None:
                return False
            os.sched_yield()
        return True

    def end(self, number):
        self.p.send_signal(number)
        self.p.stdout.close()
        return self.p.wait(TIMEOUT)


def echoed(proxy, data):
    """Sends and receives at the same time, then ends its direction, and reads to the end."""
    with proxy.connect() as sock:
        sock.sendall(b"e")
        sender = threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        got = read_all(sock)
        sender.join()
        return got == data


def answered(proxy, data):
    """Ends its direction; the answer comes afterwards."""
    with proxy.connect() as sock:
        sock.sendall(b"l" + data)
        sock.shutdown(socket.SHUT_WR)
        return read_all(sock) == data[::-1]


def broken(proxy, seed):
    """One connection that breaks somewhere, in one of the ways in which they do."""
    dice = random.Random(seed)
    sock = proxy.connect()
    try:
        way = dice.randrange(6)
        size = dice.choice([0, 1, 100, 20000, 300000])
        if way == 0:  # says nothing
            pass
        elif way == 1:  # the target breaks off
            sock.sendall(b"r1" + bytes(size))
            sock.recv(100)
        elif way == 2:  # does not read what it asked for
            sock.sendall(b"s")
            sock.recv(1 + size)
        elif way == 3:  # ends its direction, and does not wait for the other
            sock.sendall(b"e" + bytes(min(size, 20000)))
            sock.shutdown(socket.SHUT_WR)
        else:  # breaks off in the middle of an echo
            sock.sendall(b"e1" + bytes(min(size, 20000)))
            sock.recv(1 + size // 2)
        if dice.randrange(2):
            reset(sock)
    except OSError:
        pass
    sock.close()


def load(proxy, seed, count):
    """Broken connections, with whole ones among them, from many threads. How many went wrong."""
    dice = random.Random(seed)
    jobs = [(dice.randrange(4), dice.randrange(1 << 30)) for _ in range(count)]
    lock = threading.Lock()
    wrong = []

    def work():
        while True:
            with lock:
                if not jobs:
                    return
                kind, number = jobs.pop()
            try:
                if kind:
                    broken(proxy, number)
                else:
                    data = random.Random(number).randbytes(number % 200000)
                    if not (echoed if number & 1 else answered)(proxy, data):
                        wrong.append(number)
            except OSError as error:
                wrong.append(f"{number}: {error}")

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def closed_by_proxy(sock):
    """The end of a connection, by whatever word."""
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def main():
    program = sys.argv[1]
    os.environ["WEFT_POLLER"] = sys.argv[2] if len(sys.argv) > 2 else "epoll"
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    print("seed", seed)
    target = Target()

    proxy = Proxy(program, target.port)
    check("an echo", echoed(proxy, b"hello"))
    check("a long one", echoed(proxy, random.Random(1).randbytes(5000000)))
    check("an answer after the end", answered(proxy, random.Random(2).randbytes(1000000)))
    with proxy.connect() as sock:
        sock.sendall(b"f")
        check("the target ends first", read_all(sock) == b"first")
        sock.sendall(b"still heard")
        sock.shutdown(socket.SHUT_WR)
        check("and both are over", closed_by_proxy(sock))
    with proxy.connect() as sock:
        sock.sendall(b"r1")
        check("a target that breaks is passed on", closed_by_proxy(sock))
    check("nothing is left open", proxy.settles())
    wrong = load(proxy, seed, 1500)
    check("all whole connections are whole", not wrong, wrong[:5])
    check("no descriptor is left", proxy.settles())
    check("it still serves", echoed(proxy, b"hello"))
    open_one = proxy.connect()
    open_one.sendall(b"e1")
    check("one is open", open_one.recv(1) == b"1")
    check("it ends when it is told to", proxy.end(signal.SIGTERM) == 0)
    check("with its connections", closed_by_proxy(open_one))

    proxy = Proxy(program, target.port, "--idle-timeout", "0.3")
    with proxy.connect() as sock:
        sock.sendall(b"e1")
        check("it is served", sock.recv(1) == b"1")
        check("a silent pair is closed", closed_by_proxy(sock))
    with proxy.connect() as sock:
        sock.sendall(b"s")  # does not read: the proxy must not wait for ever
        check("one that takes nothing is closed", proxy.settles())
    check("it ends", proxy.end(signal.SIGINT) == 0)

    nobody = socket.create_server(("127.0.0.1", 0))
    port = nobody.getsockname()[1]
    nobody.close()
    proxy = Proxy(program, port)
    with proxy.connect() as sock:
        check("a target that is not there", closed_by_proxy(sock))
    check("it ends too", proxy.end(signal.SIGTERM) == 0)

    proxy = Proxy(program, target.port, "--max-connections", "1")
    with proxy.connect() as first:
        first.sendall(b"e1")
        check("the first", first.recv(1) == b"1")
        with proxy.connect() as second:
            check("one too many", closed_by_proxy(second))
    check("the full one ends", proxy.end(signal.SIGTERM) == 0)

    total = passed + failed
    print(f"{100 * passed // total}%: Checks: {total}, Failures: {failed}, Errors: 0")
    sys.exit(failed > 0)


main()
