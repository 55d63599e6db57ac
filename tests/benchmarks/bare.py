"""`python -m tests.benchmarks.bare PORT USERS SECONDS`: the least that Python can do with epoll, as a floor.

Sends one fixed request on each of USERS connections and the same again at each reply; looks for the end of a
reply by its length and at nothing else. Prints requests and CPU seconds as JSON.
"""

import json
import select
import socket
import sys
import time

BODY = b"\x82\xa5items\x91\x81\xa4text\xa5hello\xa6params\x80"
WIRE = b"POST /v1/encode/mock HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


def main(port: int, users: int, seconds: float) -> None:
    """Run and print."""
    poll, socks, got = select.epoll(), {}, {}
    for _ in range(users):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(sock.fileno(), select.EPOLLIN)
        socks[sock.fileno()], got[sock.fileno()] = sock, b""
    done, end_s, cpu_s = 0, time.monotonic() + seconds, time.process_time()
    for sock in socks.values():
        sock.send(WIRE)
    while time.monotonic() < end_s:
        for fd, _ in poll.poll(0.1):
            got[fd] += socks[fd].recv(8192)
            if _is_whole(got[fd]):
                got[fd] = b""
                done += 1
                socks[fd].send(WIRE)
    print(json.dumps({"requests": done, "cpu_s": time.process_time() - cpu_s}))


def _is_whole(data: bytes) -> bool:
    end = data.find(b"\r\n\r\n")
    at = data.find(b"Content-Length: ", 0, end) + 16
    return end > 0 and len(data) - end - 4 >= int(data[at : data.find(b"\r", at)])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
