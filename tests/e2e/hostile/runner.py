#!/usr/bin/python3
"""A runner in hostile hands. The message that it should work on names attacks; each container makes the
next one of them, with all that the runner's user may do, and ends with an error after some seconds.

A trap is made aside and put in its place before the host is notified. Whatever fails is left out: the host
has to hold, not this program.
"""

import array, fcntl, json, os, random, socket, sqlite3, struct, subprocess, threading, time

OUT, DB, LINK = "/nanoclaw/out", "/nanoclaw/out/outbound.db", "/nanoclaw/link/link.sock"
INBOUND = "/nanoclaw/in/inbound.db"
INCARNATION = int(os.environ["NANOCLAW_INCARNATION"])
SECONDS = 2
SCHEMA = open("/usr/local/share/outbound.sql").read()
HEAD = b"SQLite format 3\0\x10\0\1\1\0\x40\x20\x20"
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
COUNT = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < %d)"
PENDING, RESERVED, SHARED = 0x40000000, 0x40000001, 0x40000002
armed, message = threading.Event(), {}
until = 0.0


def arm():
    """The trap is set: from now on the host is notified, for as long as the attack goes on."""
    global until
    if not armed.is_set():
        until = time.monotonic() + SECONDS
        armed.set()


def on():
    return not armed.is_set() or time.monotonic() < until


def tried(action, *args):
    """What it returned, or true; nothing if it failed."""
    try:
        return action(*args) or True
    except (OSError, sqlite3.Error):
        return None


def remove(path):
    if not tried(os.remove, path) and os.path.isdir(path) and not os.path.islink(path):
        tried(os.rename, path, f"{path}.{time.monotonic_ns()}")


def connect(header):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(0.5)
    stream.connect(LINK)
    stream.sendall(header)
    return stream


def notify():
    """Has the host look, as often as it likes."""
    stream = None
    armed.wait()
    while True:
        try:
            stream = stream or connect(b"notify\n")
            stream.sendall(b"look\n")
        except OSError:
            stream = None
        time.sleep(0.005)


def sound(path=DB):
    """The database as an honest runner makes it, which has the message in hand."""
    remove(path)
    for suffix in ("-journal", "-wal", "-shm"):
        remove(path + suffix)
    conn = sqlite3.connect(path)
    conn.executescript(SCHEMA)
    conn.execute("INSERT INTO claims (message, incarnation, claimed_at) VALUES (?, ?, 0)",
                 (message["seq"], INCARNATION))
    conn.commit()
    return conn


def trap(make, seconds=0.3):
    """Makes something aside and puts it in the place of the database."""
    aside = f"{OUT}/aside{time.monotonic_ns()}"
    tried(make, aside)
    remove(DB)
    tried(os.rename, aside, DB)
    arm()
    time.sleep(seconds)


def script(sql, path):
    conn = sound(path)
    tried(conn.executescript, sql)
    conn.close()


def forge(sql, path):
    """Writes what no constraint allows, into a schema that looks as it should."""
    conn = sound(path)
    tables = conn.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()

    def edit(change):
        version = conn.execute("PRAGMA schema_version").fetchone()[0]
        conn.execute("PRAGMA writable_schema = 1")
        for name, text in tables:
            conn.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (change(text), name))
        conn.execute(f"PRAGMA schema_version = {version + 1}")
        conn.commit()

    loose = lambda it: it.replace("STRICT", "").replace("NOT NULL", "").replace(") ,", ")")
    edit(lambda it: loose(it).replace("CHECK (", "CHECK (1 OR "))
    other = sqlite3.connect(path)
    other.execute("PRAGMA ignore_check_constraints = 1")
    tried(other.executescript, sql)
    other.close()
    edit(lambda it: it)
    conn.close()


SAY = "INSERT INTO messages_out (seq, in_reply_to, kind, text, created_at, form, destination)"


def rows():
    """Numbers, texts and references as no runner writes them."""
    for sql in (
        f"{SAY} VALUES (1, 2, 'answer', zeroblob(3000000), 0, '\"text\"', NULL), (3, -7, 7, NULL, 'x',"
        " 'dance', x'00'), (5, 2, 'interim', 'to another', 0, '\"text\"', 'owner'),"
        " (7, 2, 'interim', 'x', 0, '\"dance\"', NULL)",
        f"{SAY} SELECT n.x * 2 + 1, 2, 'interim', hex(zeroblob(400000)), 0,"
        f" '{{\"file\":\"../../../etc/shadow\"}}', NULL FROM ({COUNT % 30} SELECT x FROM n) n",
        f"{COUNT % 50000} INSERT INTO claims SELECT x, {INCARNATION}, 0, 'dance', x'ff', x, -1 FROM n",
        f"{COUNT % 50000} INSERT INTO waits SELECT x, 2, {INCARNATION}, 'limit', 'soon' FROM n",
        f"{SAY} VALUES (9223372036854775807, 2, 'answer', 'x', 0, '\"text\"', NULL)",
    ):
        trap(lambda it: forge(sql, it))


QUESTION = '{"question":{"options":["yes"],"timeout":{"secs":60,"nanos":0}}}'


def flood():
    """Rows that are as they should be, without end."""
    conn = sound()
    arm()
    while on():
        for form in ('"text"', '"admin"', QUESTION):
            tried(conn.execute, f"{SAY} SELECT (SELECT coalesce(max(seq), -1) FROM messages_out)"
                  f" + 2 * x, 2, 'interim', hex(randomblob(4000)), 0, '{form}', NULL"
                  f" FROM ({COUNT % 50} SELECT x FROM n)")
            tried(conn.commit)


def options():
    """Questions with options without number."""
    conn = sound()
    arm()
    many = '{"question":{"options":[' + ",".join(['""'] * 21700) + '],"timeout":{"secs":60,"nanos":0}}}'
    for count in range(400):
        form = many if count % 2 else many[:24] + many[24 + 3 * 16500:]
        tried(conn.execute, f"{SAY} VALUES ({2 * count + 1}, 2, 'interim', 'which?', 0, ?, NULL)", [form])
        tried(conn.commit)
    time.sleep(SECONDS)


def spam():
    """Answers that are as they should be, without end."""
    conn = sound()
    arm()
    while on():
        tried(conn.execute, f"{SAY} SELECT (SELECT coalesce(max(seq), -1) FROM messages_out)"
              f" + 2 * x, {message['seq']}, 'answer', hex(randomblob(31000)), 0, '\"text\"', NULL"
              f" FROM ({COUNT % 50} SELECT x FROM n)")
        tried(conn.commit)
        time.sleep(0.02)
        tried(conn.execute, "DELETE FROM messages_out WHERE seq < (SELECT max(seq) FROM messages_out) - 400")
        tried(conn.commit)


def views():
    """A schema in which reading has no end."""
    for sql in (
        f"CREATE VIEW v AS {ENDLESS} SELECT x FROM n ORDER BY x",
        "CREATE TRIGGER t AFTER INSERT ON claims BEGIN DELETE FROM waits; END",
        "DROP TABLE claims; CREATE TABLE claims (message, incarnation)",
        "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET rootpage = 1",
        f"ALTER TABLE claims RENAME TO o; CREATE VIEW claims AS {ENDLESS} SELECT x FROM n",
    ):
        trap(lambda it: script(sql, it))


def tables():
    """A schema that takes a hundred times its size in memory."""
    check = f"CHECK (1 IN ({','.join('1' * 7900)}))"
    sql = (f"PRAGMA writable_schema = 1; {COUNT % 1900} INSERT INTO sqlite_schema SELECT 'table',"
           f" 't' || x, 't' || x, 2, 'CREATE TABLE t' || x || '(a, {check})' FROM n")
    trap(lambda it: script(sql, it), SECONDS)


def garbage():
    """Bytes that are no database, that are one in part, and that change while they are read."""
    trap(lambda it: open(it, "wb").write(HEAD + os.urandom(30_000_000)))
    while on():
        for length in (25_000_000, 4096, 100, 99, 0):
            tried(os.truncate, DB, length)
            time.sleep(0.01)
        tried(sound)
        with open(DB, "r+b") as file:
            for _ in range(300):
                file.seek(random.randrange(0, 16384))
                file.write(os.urandom(8))
                file.flush()


def large():
    """As large as may be read, and changed all the time."""
    def make(path):
        conn = sound(path)
        conn.execute(f"{COUNT % 14000} INSERT INTO tool_calls (message, incarnation, call, name,"
                     " started_at) SELECT 1, 1, hex(zeroblob(950)), 'x', 0 FROM n")
        conn.commit()

    trap(make)
    conn = sqlite3.connect(DB)
    while on():
        tried(conn.execute, "INSERT INTO session_state VALUES (hex(randomblob(8)), 'x')")
        tried(conn.commit)


def sparse():
    """Far larger than may be read, with nothing in it."""
    def make(path):
        with open(path, "wb") as file:
            file.write(HEAD + b"\0" * 76)
            tried(file.truncate, (4 << 30) - 1)

    trap(make, SECONDS)


def swap():
    """Everything that is no plain file, in the place of the database and of what lies beside it."""
    mounts = [line.split()[3] for line in open("/proc/self/mountinfo") if "/nanoclaw/" in line]
    links = ["/etc/shadow", "/dev/zero", "/proc/self/mem", "../in/inbound.db", "/", *mounts]
    makes = [lambda path, to=to: os.symlink(to, path) for to in links]
    makes += [os.mkfifo, os.mkdir, lambda path: socket.socket(socket.AF_UNIX).bind(path)]
    makes += [lambda path: os.mknod(path, 0o20666, os.makedev(1, 5)), lambda path: os.link(INBOUND, path)]
    trap(os.mkfifo)
    while on():
        for make in makes:
            for suffix in ("-journal", "", "-wal"):
                remove(DB + suffix)
                tried(make, DB + suffix)
            time.sleep(0.02)


def deep():
    """Folders within folders in the place of the database, so many that who goes down drowns."""
    def make(path):
        os.mkdir(path)
        os.chdir(path)
        for _ in range(2000):
            os.mkdir("d")
            os.chdir("d")
        os.chdir("/")

    trap(make, SECONDS)


def logs():
    """A write-ahead log, its index and a journal beside a sound database, cut off while the host looks."""
    sound().close()
    with open(DB + "-wal", "wb") as file:
        file.write(struct.pack(">8I", 0x377F0682, 3007000, 4096, 0, 1, 2, 0, 0) + b"x" * 65536)
    arm()
    while on():
        for suffix in ("-shm", "-wal"):
            for length in (32768, 0, 20480):
                tried(lambda: open(DB + suffix, "ab").close())
                tried(os.truncate, DB + suffix, length)
    with open(DB + "-journal", "wb") as file:
        file.write(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\xff" * 4096)
    time.sleep(0.5)


def locks():
    """Holds every lock that SQLite knows, on its own database and on the host's."""
    sound().close()
    own, hosts = os.open(DB, os.O_RDWR), os.open(INBOUND, os.O_RDONLY)
    flock = lambda fd, kind, at, length: tried(fcntl.lockf, fd, kind | fcntl.LOCK_NB, length, at)
    while on():
        flock(own, fcntl.LOCK_EX, PENDING, 512)
        flock(hosts, fcntl.LOCK_SH, PENDING, 512)
        flock(hosts, fcntl.LOCK_SH, RESERVED, 1)
        flock(hosts, fcntl.LOCK_SH, SHARED, 510)
        arm()
        time.sleep(0.05)


def link():
    """Wake-ups without end, connections without end, streams that never say what they are for."""
    sound().close()
    arm()
    held = []
    heads = [b"", b"d", b"notify", b"x" * 4000, b"\xff\n", b"model\n", b"notify\n",
             b"model\nPOST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n"]

    def pour(head, piece):
        while on():
            stream = tried(connect, head)
            while stream and on():
                if not piece or not tried(stream.sendall, piece):
                    break

    def hand_over():
        pipes = array.array("i", os.pipe() * 50)
        while on():
            stream = tried(connect, b"notify\n")
            for _ in range(50):
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, pipes)]
                if not stream or not tried(stream.sendmsg, [b"look\n"], ancillary):
                    break

    jobs = [(pour, b"notify\n", b"look\nprogress\ntool 9 x\n" * 3000), (hand_over,),
            (pour, b"notify\n", b"draft 2 \"" + b"x" * 3000 + b"\"\n"),
            (pour, b"notify\n", b"x" * 65536), (pour, b"x\n", b""),
            (pour, b"model\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000)]
    for job, *args in jobs:
        threading.Thread(target=job, args=args, daemon=True).start()
    while on():
        stream = tried(connect, random.choice(heads))
        if stream and len(held) < 400:
            held.append(stream)


def files():
    """Small files without number in every folder, and files to send that are none."""
    conn = sound()
    os.makedirs(f"{OUT}/files/d", exist_ok=True)
    for name, make in (("fifo", os.mkfifo), ("link", lambda it: os.symlink("/etc", it))):
        tried(make, f"{OUT}/files/{name}")
    conn.executescript("INSERT INTO messages_out (seq, in_reply_to, kind, text, created_at, form)"
                       " VALUES (1, 2, 'interim', 'x', 0, '{\"file\":\"fifo\"}'),"
                       " (3, 2, 'interim', 'x', 0, '{\"file\":\"link/shadow\"}')")
    arm()
    count = 0
    while on():
        for folder in (f"{OUT}/files/d", "/workspace", "/home/agent"):
            tried(lambda: os.close(os.open(f"{folder}/{count}", os.O_CREAT | os.O_WRONLY)))
        count += 1


def shout():
    """More words than any log holds."""
    sound().close()
    arm()
    shouting = subprocess.Popen(["yes", "x" * 4000])
    time.sleep(SECONDS)
    shouting.kill()


def leave():
    """Ends at once."""
    sound().close()
    os._exit(INCARNATION % 2)


def order():
    """The oldest message that waits, read as an honest runner reads it. One that cannot be read ends this
    container at once, and the test finds no trace of its attack."""
    while True:
        conn = sqlite3.connect(f"file:{INBOUND}?mode=ro", uri=True)
        rows = list(conn.execute("SELECT json FROM item WHERE kind = 'message' ORDER BY seq"))
        if rows:
            return json.loads(rows[0][0])["message"]
        time.sleep(0.05)


def main():
    message.update(order())
    attacks = message["body"]["text"].split()
    threading.Thread(target=notify, daemon=True).start()
    globals()[attacks[(INCARNATION - 1) % len(attacks)]]()
    os._exit(3)


main()
