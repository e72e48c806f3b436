"""The Python side of the DuckDB peer: commands as JSON lines on stdin, answers as JSON lines on stdout.

Points are handed over before the clock starts, as Arrow tables of a batch each, with the name of the series as a
dictionary of strings, which DuckDB reads without copying. Costs are of DuckDB's work in this process: seconds on the
clock and seconds of processor time of all its threads.
"""

import json
import os
import resource
import sys
import time

import duckdb
import pyarrow as pa

stdin = sys.stdin.buffer
connection = None
durable = True
names = []
batches = []
numbers = {}
before = 0


def status(field):
    with open("/proc/self/status", encoding="ascii") as lines:
        for line in lines:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(work):
    processor, clock = cpu(), time.perf_counter()
    answer = work()
    return {"wall": time.perf_counter() - clock, "cpu": cpu() - processor, "answer": answer}


def opened(command):
    global connection, durable
    durable = command["durable"]
    is_new = not os.path.exists(command["path"])

    def work():
        global connection
        connection = duckdb.connect(command["path"])
        return is_new or connection.execute("SELECT value FROM points LIMIT 1").fetchone()

    reply = timed(work)
    if is_new:
        connection.execute("CREATE TABLE series(id INTEGER, name VARCHAR)")
        connection.execute("CREATE TABLE points(series INTEGER, time TIMESTAMP_NS, value DOUBLE)")
    numbers.update({name: number for number, name in connection.execute("SELECT id, name FROM series").fetchall()})
    # A log that is folded in every 16 MB would be most of the work of an import; raised as its guide advises for one.
    connection.execute("SET wal_autocheckpoint = '1GB'")
    return reply


def handed_over(command):
    count = command["points"]
    series, times, values = (stdin.read(count * width) for width in (4, 8, 8))
    dictionary = pa.DictionaryArray.from_arrays(
        pa.Array.from_buffers(pa.int32(), count, [None, pa.py_buffer(series)]), pa.array(names, pa.string())
    )
    columns = [
        dictionary,
        pa.Array.from_buffers(pa.timestamp("ns"), count, [None, pa.py_buffer(times)]),
        pa.Array.from_buffers(pa.float64(), count, [None, pa.py_buffer(values)]),
    ]
    batches.append(pa.table(columns, names=["name", "time", "value"]))
    return {}


INSERT = """INSERT INTO points SELECT series.id, batch.time, batch.value FROM batch JOIN series USING (name)"""
REGISTER = """INSERT INTO series SELECT row_number() OVER () + (SELECT count(*) FROM series), name
              FROM (SELECT DISTINCT name FROM batch ANTI JOIN series USING (name))"""


def write(batch):
    """One transaction. New names are rare: they are looked for when a point found no series."""
    connection.register("batch", batch)
    if durable:
        connection.execute("BEGIN")
    written = connection.execute(INSERT).fetchone()[0]
    if written < len(batch):
        if written > 0:
            raise RuntimeError("some series of a batch are new and some are not: not a case of this bench")
        connection.execute(REGISTER)
        connection.execute(INSERT)
    if durable:
        connection.execute("COMMIT")


def load(_):
    global before
    with open("/proc/self/clear_refs", "w", encoding="ascii") as peak:
        peak.write("5")
    before = status("VmRSS:")
    # One writer with batches of 10,000 rows gains nothing from more threads, and loses to their waking.
    connection.execute("SET threads = 1")

    def work():
        if not durable:
            connection.execute("BEGIN")
        for batch in batches:
            write(batch)
        if not durable:
            connection.execute("COMMIT")

    reply = timed(work)
    connection.execute("RESET threads")
    numbers.update({name: number for number, name in connection.execute("SELECT id, name FROM series").fetchall()})
    batches.clear()
    return reply


def compact(command):
    """Sorted by series and time into a new file, which takes the place of the old one."""
    global connection
    path = command["path"]
    connection.execute(f"ATTACH '{path}.sorted' AS sorted")
    connection.execute("CREATE TABLE sorted.series AS SELECT * FROM series ORDER BY id")
    connection.execute("SET threads = 1")
    connection.execute("CREATE TABLE sorted.points AS SELECT * FROM points ORDER BY series, time")
    connection.execute("CHECKPOINT sorted")
    connection.close()
    os.replace(f"{path}.sorted", path)
    connection = duckdb.connect(path)
    return {}


def total(command):
    connection.execute("SET threads = 1" if command["one_thread"] else "RESET threads")
    return timed(lambda: connection.execute("SELECT sum(value) FROM points").fetchone()[0])


def values(command):
    sql = """SELECT time, value FROM points WHERE series = ? AND time >= make_timestamp_ns(?)
             AND time < make_timestamp_ns(?)"""
    arguments = [numbers[command["series"]], command["start"], command["end"]]
    repeat = command["repeat"]

    def work():
        for _ in range(repeat):
            rows = connection.execute(sql, arguments).fetchall()
        return [len(rows), sum(row[1] for row in rows)]

    reply = timed(work)
    return {**reply, "wall": reply["wall"] / repeat, "cpu": reply["cpu"] / repeat}


def means(command):
    wanted = [numbers[name] for name in command["series"]]
    sql = """SELECT series, time_bucket(INTERVAL 5 MINUTE, time) AS bucket, avg(value) FROM points
             WHERE series IN (SELECT unnest(?)) GROUP BY ALL ORDER BY ALL"""

    def work():
        rows = connection.execute(sql, [wanted]).fetchall()
        found = {}
        for series, _, mean in rows:
            found.setdefault(series, []).append(mean)
        return [mean for number in wanted for mean in found[number]]

    return timed(work)


def text_out(command):
    """CSV with the name of the series in each row, on one thread: what is compared is processor time."""
    connection.execute("SET threads = 1")
    rows = "SELECT time, name, value FROM points JOIN series ON id = series"
    return timed(lambda: connection.execute(f"COPY ({rows}) TO '{command['file']}' (HEADER)").fetchone()[0])


def text_in(command):
    """Into a table with the name in each row."""
    connection.execute("SET threads = 1")
    connection.execute("CREATE TABLE texts(time TIMESTAMP_NS, name VARCHAR, value DOUBLE)")

    def work():
        connection.execute(f"COPY texts FROM '{command['file']}' (HEADER)")
        connection.execute("CHECKPOINT")

    return timed(work)


def peak(_):
    return {"answer": max(status("VmHWM:") - before, 0)}


def closed(_):
    connection.close()
    return {}


def named(command):
    names.extend(command["names"])
    return {}


COMMANDS = {
    "open": opened,
    "names": named,
    "batch": handed_over,
    "load": load,
    "compact": compact,
    "sum": total,
    "values": values,
    "means": means,
    "text_out": text_out,
    "text_in": text_in,
    "peak": peak,
    "close": closed,
}

for line in stdin:
    request = json.loads(line)
    try:
        answer = COMMANDS[request["do"]](request)
    except Exception as error:  # whatever it is, the other side must hear of it
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
