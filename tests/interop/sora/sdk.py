"""Drives `sora_sdk`: commands as JSON lines in, what the SDK tells as JSON lines out."""

import json
import sys
import threading

lock = threading.Lock()


def tell(event, **members):
    with lock:
        print(json.dumps({"event": event, **members}), flush=True)


try:
    import sora_sdk
except ImportError as error:
    # A library of the system may be missing.
    tell("absent", text=str(error))
    sys.exit()


def watch(connection):
    connection.on_set_offer = lambda text: tell("offer", message=json.loads(text))
    connection.on_signaling_message = lambda lane, direction, text: tell(
        "signaling", lane=lane.name, direction=direction.name, kind=json.loads(text).get("type")
    )
    connection.on_switched = lambda text: tell("switched", message=json.loads(text))
    connection.on_notify = lambda text: tell("notify", message=json.loads(text))
    connection.on_push = lambda text: tell("push", message=json.loads(text))
    connection.on_data_channel = lambda label: tell("open", label=label)
    connection.on_message = lambda label, data: tell("data", label=label, text=data.decode())
    connection.on_rpc = lambda data: tell("rpc", message=json.loads(data))
    connection.on_ws_close = lambda code, reason: tell("socket_closed", code=code, reason=reason)
    connection.on_disconnect = lambda code, text: tell("end", kind=code.name, text=text)


def main():
    sora = sora_sdk.Sora()
    connection = None
    tell("ready", version=sora_sdk.__version__)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            match command["do"]:
                case "connect":
                    connection = sora.create_connection(**command["options"])
                    watch(connection)
                    connection.connect()
                case "send":
                    sent = connection.send_data_channel(command["label"], command["text"].encode())
                    tell("sent", label=command["label"], taken=sent)
                case "disconnect":
                    connection.disconnect()
                    tell("disconnected")
                case "quit":
                    break
        except Exception as error:
            tell("thrown", text=repr(error))
    tell("gone")


main()
