"""Drives the PyPI package `opentok`: one call as a JSON line in, its outcome as a JSON line out.

The first line in says where the service is and how to sign in.
"""

import json
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")

import opentok
from opentok.archives import StreamModes
from opentok.broadcast import BroadcastStreamModes
from opentok.endpoints import Endpoints


def write(answer):
    print(json.dumps(answer), flush=True)


config = json.loads(sys.stdin.readline())
secret = config["secret"]
if secret.startswith("-----BEGIN"):
    # The SDK takes a private key only as the name of a file.
    folder = tempfile.TemporaryDirectory()
    secret = f"{folder.name}/private.key"
    with open(secret, "w") as file:
        file.write(config["secret"])
sdk = opentok.Client(config["key"], secret, api_url=config["url"], timeout=20)
# With a key file the SDK ignores `api_url`.
sdk.endpoints = Endpoints(config["url"], config["key"])

# Methods that no call has reached yet.
untouched = {
    name
    for name in dir(opentok.Client)
    if not name.startswith("_") and callable(getattr(opentok.Client, name))
}


def call(method, *args, **named):
    untouched.discard(method)
    return getattr(sdk, method)(*args, **named)


MODES = {
    "media_mode": lambda text: opentok.MediaModes[text],
    "archive_mode": opentok.ArchiveModes,
    "output_mode": opentok.OutputModes,
    "stream_mode": StreamModes,
    "role": opentok.Roles,
}


def named(given, *without):
    """Members as Python arguments: snake case, enumerations as such."""
    snake = {
        "".join(f"_{c.lower()}" if c.isupper() else c for c in name): value
        for name, value in given.items()
        if name not in without
    }
    return {name: MODES.get(name, lambda text: text)(value) for name, value in snake.items()}


def start_broadcast(i):
    options = {name: value for name, value in i.items() if name not in ("sessionId", "streamMode")}
    mode = {"stream_mode": BroadcastStreamModes(i["streamMode"])} if "streamMode" in i else {}
    return call("start_broadcast", i["sessionId"], options, **mode)


def dial(i):
    options = {name: value for name, value in i["sip"].items() if name != "uri"}
    return call("dial", i["sessionId"], i["token"], i["sip"]["uri"], options)


def generate_token(i):
    jwt = i.get("token_type") != "T1"
    data = i.get("connection_data")
    return call("generate_token", use_jwt=jwt, data=data, **named(i, "token_type", "connection_data"))


def start_captions(i):
    return call("start_captions", i["sessionId"], i["token"], **named(i, "sessionId", "token"))


def start_render(i):
    return call("start_render", i["sessionId"], i["token"], i["url"], **named(i, "sessionId", "token", "url"))


def layout(method, thing):
    return lambda i: call(method, i[thing], i["type"], **named(i, thing, "type"))


def add_stream(method, thing):
    return lambda i: call(method, i[thing], i["addStream"], **named(i, thing, "addStream"))


def remove_stream(method, thing):
    return lambda i: call(method, i[thing], i["removeStream"])


def by_id(method, *names):
    return lambda i: call(method, *(i[name] for name in names))


def signal(i):
    payload = {name: i[name] for name in ("type", "data") if name in i}
    return call("send_signal", i["session_id"], payload, i.get("connection_id"))


def play_dtmf(i):
    return call("play_dtmf", i["session_id"], i.get("connection_id"), i["digits"])


CALLS = {
    "create_session": lambda i: call("create_session", **named(i)),
    "generate_token": generate_token,
    "start_archive": lambda i: call("start_archive", **named(i)),
    "stop_archive": by_id("stop_archive", "archive_id"),
    "get_archive": by_id("get_archive", "archive_id"),
    "list_archives": lambda i: call("list_archives", **named(i)),
    "delete_archive": by_id("delete_archive", "archive_id"),
    "set_archive_layout": layout("set_archive_layout", "archive_id"),
    "add_archive_stream": add_stream("add_archive_stream", "archive_id"),
    "remove_archive_stream": remove_stream("remove_archive_stream", "archive_id"),
    "start_broadcast": start_broadcast,
    "stop_broadcast": by_id("stop_broadcast", "broadcast_id"),
    "get_broadcast": by_id("get_broadcast", "broadcast_id"),
    "set_broadcast_layout": layout("set_broadcast_layout", "broadcast_id"),
    "add_broadcast_stream": add_stream("add_broadcast_stream", "broadcast_id"),
    "remove_broadcast_stream": remove_stream("remove_broadcast_stream", "broadcast_id"),
    "get_stream": by_id("get_stream", "session_id", "stream_id"),
    "list_streams": by_id("list_streams", "session_id"),
    "set_stream_layout_classes": by_id("set_stream_class_lists", "session_id", "items"),
    "force_disconnect": by_id("force_disconnect", "session_id", "connection_id"),
    "force_mute_stream": by_id("mute_stream", "session_id", "stream_id"),
    "force_mute_all": lambda i: call("mute_all", i["session_id"], i.get("excludedStreamIds")),
    "disable_force_mute": by_id("disable_force_mute", "session_id"),
    "signal_session": signal,
    "signal_connection": signal,
    "play_dtmf": play_dtmf,
    "play_dtmf_to_connection": play_dtmf,
    "dial_sip": dial,
    "start_audio_connector": by_id("connect_audio_to_websocket", "sessionId", "token", "websocket"),
    "start_captions": start_captions,
    "stop_captions": by_id("stop_captions", "captions_id"),
    "start_render": start_render,
    "get_render": by_id("get_render", "render_id"),
    "list_renders": lambda i: call("list_renders", **named(i)),
    "stop_render": by_id("stop_render", "render_id"),
}


def gist(value):
    """What tells that the SDK understood the answer: an identifier, or how many there are."""
    if value is None or isinstance(value, (str, int)):
        return value
    for name in ("id", "session_id", "captions_id", "count"):
        if hasattr(value, name):
            return getattr(value, name)
    return None


write({"version": opentok.__version__, "operations": list(CALLS)})
for line in sys.stdin:
    wanted = json.loads(line)
    if wanted["operation"] == "untouched":
        write(sorted(untouched))
        continue
    try:
        write({"value": gist(CALLS[wanted["operation"]](wanted["input"]))})
    except Exception as error:  # whatever the SDK throws is its outcome
        write({"error": f"{type(error).__name__}: {error}"})
