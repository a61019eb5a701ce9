#!/usr/bin/env python3
"""Has strangers forge announcements and flood gossip at a node that may have 256 MiB: the untouched one is killed, the
example of `crates/vitals` lives. On loopback, and for no more than so many seconds a side. Not part of the commands in the
README.

The limit is RLIMIT_DATA, which takes no rights: an allocation fails, and the process aborts. With `--limit cgroup` it is that of
a control group (version 2 or 1), which takes root: the kernel kills what would take more. The untouched side is a member of a fleet whose neighbour is not limited; the patched side is the example, in whose one process there are
two nodes that share the limit, told to keep within half of it: near that their monitor calls for relief. The strangers run the
crates of whom they visit.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
import urllib.request

# Announcements and messages a second, at most.
FORGED, FLOODED = 500, 5000

# Seconds between two lines on how much the node takes.
LINE = 15

TOLD = "memory_used_bytes|memory_pressures|relief_|process_resident|address_book_peers|gossip_message_ids|gossip_payload_bytes"

running = []


def main():
    given = arguments()
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    built = given.built or build()
    limit = Limit(given)
    print(f"memory-limit: {given.mib} MiB by {limit.how}, {given.seconds} s a side")
    try:
        untouched_lives = untouched(f"{built}/churn-upstream", limit, given.seconds)
        patched_lives = patched(f"{built}/examples/node", f"{built}/churn-patched", limit, given)
    finally:
        for process in running:
            process.kill()
            process.wait()
        limit.end()
    if untouched_lives or not patched_lives:
        sys.exit("memory-limit: that is not as it should be; does the untouched node need more time?")
    print("memory-limit: the untouched node was killed, the patched one lives")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120, help="how long each side is attacked (120)")
    parser.add_argument("--mib", type=int, default=256, help="what the node may have (256)")
    parser.add_argument("--limit", choices=["rlimit", "cgroup"], default="rlimit", help="what limits it (rlimit)")
    parser.add_argument("--built", metavar="DIR", help="has churn-upstream, churn-patched and examples/node; default: they are built")
    return parser.parse_args()


def build():
    cargo = ["cargo", "build", "--release", "--locked"]
    # Both packages at once, so that what is below them is built once.
    subprocess.run([*cargo, "-p", "vitals", "-p", "churn", "--example", "node", "--bin", "churn-patched"], check=True)
    subprocess.run([*cargo, "--manifest-path", "patch/upstream/Cargo.toml"], check=True)
    return "target/release"


def untouched(program, limit, seconds):
    member = [program, "member", "--seed"]
    node, neighbour = start([*member, "1"], limit), start([*member, "2"])
    where = [json.loads(process.stdout.readline()) for process in (node, neighbour)]
    for process, other in ((node, where[1]), (neighbour, where[0])):
        meet = {key: other[key] for key in ("public_key", "addresses")}
        process.stdin.write(json.dumps({"do": "meet", **meet}) + "\n")
        process.stdin.flush()
    if '"joined"' not in node.stdout.readline():
        sys.exit("memory-limit: the members did not find each other")
    for process in (node, neighbour):
        drain(process)
    target = [where[0]["public_key"], where[0]["addresses"][0]]
    lives = attack("untouched", program, node, target, [], limit, seconds)
    neighbour.kill()
    return lives


def patched(program, stranger, limit, given):
    node = start([program, str(given.seconds + 60), "0", str(given.mib // 2)], limit)
    said = ""
    while "turtle heard" not in said:
        line = node.stdout.readline()
        if not line:
            sys.exit("memory-limit: the example did not start")
        said += line
    drain(node)
    target = re.search(r"panda: ([0-9a-f]{64}) at \[(127\.0\.0\.1:\d+)", said).groups()
    metrics = re.search(r"http://\S+/metrics", said)[0]
    ids = ["--network", "the network of evergreen pandas!", "--topic", "the topic of an evergreen panda!"]
    lives = attack("patched", stranger, node, target, ids, limit, given.seconds)
    if lives:
        for line in urllib.request.urlopen(metrics, timeout=20).read().decode().splitlines():
            if re.match(f"evergreen_({TOLD})", line):
                print(f"patched: {line}")
    return lives


def attack(name, program, node, target, ids, limit, seconds):
    """Whether the node lives after that."""
    target = ["--key", target[0], "--address", target[1], "--seconds", str(seconds), *ids]
    deeds = {"forged-announcements": FORGED, "gossip-flood": FLOODED}
    strangers = [start([program, "visit", deed, "--rate", str(rate), *target]) for deed, rate in deeds.items()]
    began = time.monotonic()
    most, next_line = 0, 0
    while node.poll() is None and time.monotonic() - began < seconds:
        taken = limit.taken_by(node)
        most = max(most, taken)
        if time.monotonic() - began >= next_line:
            print(f"{name}: {taken} MiB after {next_line} s", flush=True)
            next_line += LINE
        time.sleep(0.2)
    after = round(time.monotonic() - began)
    ended = node.poll()
    if ended is None:
        for stranger in strangers:
            print(f"{name}: {said_by(stranger)}")
        print(f"{name}: lives after {after} s, {most} MiB at most")
        return node.poll() is None
    for stranger in strangers:
        stranger.kill()
    how = f"killed by signal {-ended}" if ended < 0 else f"ended with code {ended}"
    print(f"{name}: {how} after {after} s, at {most} MiB")
    return False


class Limit:
    """What a process may take, and how much of that it takes."""

    def __init__(self, given):
        self.bytes = given.mib * 1024 * 1024
        self.group = self.made() if given.limit == "cgroup" else None
        if given.limit == "cgroup" and not self.group:
            sys.exit("memory-limit: no control group can be made here: not root, or no controller for memory")
        self.how = f"control group {self.group}" if self.group else "RLIMIT_DATA"

    def made(self):
        """A control group with the limit, of version 2 or 1."""
        # The second of each is about swap, which may not be counted.
        of_each = {
            "/sys/fs/cgroup": ("memory.max", {"memory.swap.max": 0}),
            "/sys/fs/cgroup/memory": ("memory.limit_in_bytes", {"memory.memsw.limit_in_bytes": self.bytes}),
        }
        for parent, (limit, swap) in of_each.items():
            group = f"{parent}/evergreen-{os.getpid()}"
            try:
                os.mkdir(group)
            except OSError:
                continue
            # Where there is no controller for memory, there is no such file.
            if os.path.exists(f"{group}/{limit}"):
                write(f"{group}/{limit}", self.bytes)
                for name, value in swap.items():
                    if os.path.exists(f"{group}/{name}"):
                        write(f"{group}/{name}", value)
                return group
            os.rmdir(group)
        return None

    def take(self):
        """In the process, before it begins."""
        if self.group:
            write(f"{self.group}/cgroup.procs", os.getpid())
        else:
            resource.setrlimit(resource.RLIMIT_DATA, (self.bytes, self.bytes))

    def taken_by(self, process):
        """Mebibytes."""
        figure = "RssAnon" if self.group else "VmData"
        try:
            with open(f"/proc/{process.pid}/status") as status:
                return int(re.search(rf"{figure}:\s+(\d+) kB", status.read())[1]) // 1024
        except (OSError, TypeError):
            return 0

    def end(self):
        if self.group:
            os.rmdir(self.group)


def write(path, value):
    with open(path, "w") as file:
        file.write(str(value))


def start(command, limit=None):
    pipe = subprocess.PIPE
    begin = limit.take if limit else None
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, preexec_fn=begin)
    running.append(process)
    return process


def said_by(stranger):
    try:
        return stranger.communicate(timeout=30)[0].strip()
    except subprocess.TimeoutExpired:
        return "a stranger that cannot say more"


def drain(process):
    """Has somebody read what it goes on to say."""
    running.append(subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL))
    process.stdout.close()


main()
