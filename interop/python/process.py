"""How the programs of this folder are started and ended."""

import json
import os
import signal
import sys
import threading


def say(line):
    print(json.dumps(line), flush=True)


def fail(reason):
    say({"error": reason})
    os._exit(1)


def setting(name, fallback=None):
    value = os.environ.get(name) or fallback
    return value if value is not None else fail(f"{name} is not set")


def explain(error):
    cause = error.__cause__ or error.__context__
    text = f"{type(error).__name__}: {error}"
    return f"{text}; {explain(cause)}" if cause and str(cause) not in text else text


def end_with_stdin():
    """Ends the process at SIGTERM or when stdin closes."""

    def wait():
        while sys.stdin.buffer.read(4096):
            pass
        os._exit(0)

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threading.Thread(target=wait, daemon=True).start()


def ready(port):
    say({"ready": True, "url": f"http://127.0.0.1:{port}"})


def report(buy):
    """Runs a buyer: prints what came of it, an error too, and always ends well."""
    try:
        line = buy()
    except Exception as error:
        line = {"error": explain(error)}
    say(line)
