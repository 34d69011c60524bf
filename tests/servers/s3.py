#!/usr/bin/env python3
"""A server that speaks like Amazon S3, for the tests: moto's, in memory, on a free port of loopback.

Separate, because it comes as a Python module. Ends when standard input closes.

usage: s3.py       prints "ready HOST:PORT" once it listens
"""
import sys

from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(f"ready {host}:{port}", flush=True)
sys.stdin.read()
server.stop()
