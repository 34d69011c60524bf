#!/usr/bin/env python3
"""A real ClickHouse for the tests: the engine inside PyPI's chdb-core, its own HTTP server opened on loopback.

Separate, because the engine comes as a Python module. Invariants: listens on 127.0.0.1 alone; ends when standard input
closes, so that it never outlives the tests that started it; data lies in DIR and survives a kill.

usage: clickhouse.py DIR PORT       prints "ready VERSION" once it answers
"""
import os
import sys
import threading
import time
import urllib.request

CONFIG = """<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{port}</http_port>
  <max_server_memory_usage>3000000000</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <logger><log>{root}/server.log</log><errorlog>{root}/errors.log</errorlog><level>information</level></logger>
  <users_config>users.xml</users_config>
  <user_directories><users_xml><path>users.xml</path></users_xml></user_directories>
</clickhouse>
"""
USERS = """<clickhouse>
  <profiles><default/><reader><readonly>2</readonly></reader></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
    <reader><password>of-the-tests</password><networks><ip>127.0.0.1</ip></networks><profile>reader</profile><quota>default</quota></reader>
  </users>
</clickhouse>
"""
# The listener lives as long as the query that opened it: a query that never ends follows it.
SERVE = (
    "SYSTEM START LISTEN HTTP;"
    "SELECT sleepEachRow(1) FROM system.numbers SETTINGS function_sleep_max_microseconds_per_block=0,"
    " max_block_size=1, max_execution_time=0 FORMAT Null"
)


def main():
    root, port = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    os.makedirs(os.path.join(root, "data"), exist_ok=True)
    os.chdir(root)
    for name, text in (("clickhouse-local.xml", CONFIG), ("users.xml", USERS)):
        with open(name, "w") as file:
            file.write(text.format(port=port, root=root) if name != "users.xml" else text)

    def end_with_the_tests():
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=end_with_the_tests, daemon=True).start()

    def serve():
        from chdb import _chdb
        try:
            _chdb.query(SERVE, "CSV", path=os.path.join(root, "data"))
        except Exception as error:  # the engine's own, of many types
            print("the engine stopped:", str(error)[:500], file=sys.stderr, flush=True)
        os._exit(1)

    threading.Thread(target=serve, daemon=True).start()
    ask = f"http://127.0.0.1:{port}/?query=SELECT%20version()"
    for _ in range(1200):
        try:
            with urllib.request.urlopen(ask, timeout=2) as answer:
                print("ready", answer.read().decode().strip(), flush=True)
                break
        except OSError:
            time.sleep(0.05)
    else:
        print("not ready within 60 s", file=sys.stderr, flush=True)
        os._exit(1)
    threading.Event().wait()


if __name__ == "__main__":
    main()
