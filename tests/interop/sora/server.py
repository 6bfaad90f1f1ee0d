"""A server that speaks Sora's signaling, over aiortc: for our connection, on loopback only.

The first line of the input is its settings; the lines after it are commands. What happens is told line by line.

settings: `compress` (labels), `text` (what is not compressed goes out as text), `switch` (false: never),
`config` (of the offer), `redirect` (whoever comes for the first time is sent here once more), `offer` (members that
replace or, if null, remove those of the offer).
"""

import asyncio
import json
import secrets
import sys
import zlib

import aioice.ice
import websockets
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

LABELS = ["signaling", "notify", "push", "stats", "rpc"]
# What the method does with a call stands behind the slash.
METHODS = ["test/echo", "test/refuse", "test/never", "test/text-id", "test/both", "test/broken", "test/alive"]

# The library leaves loopback out; nothing else is wanted here.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


def tell(event, **members):
    print(json.dumps({"event": event, **members}), flush=True)


def answer(call):
    """What the call is answered with: text, or None for nothing."""
    number = call.get("id")
    if number is None or call["method"] == "test/never":
        return None
    if call["method"] == "test/broken":
        return '{"jsonrpc":'
    reply = {"jsonrpc": "2.0", "id": number}
    match call["method"]:
        case "test/echo":
            reply["result"] = call.get("params")
        case "test/alive":
            reply["result"] = None
        case "test/text-id":
            reply |= {"id": str(number), "result": True}
        case "test/both":
            reply |= {"result": True, "error": {"code": -32000, "message": "both"}}
        case "test/refuse":
            reply["error"] = {"code": -32602, "message": "refused", "data": {"member": "rid"}}
        case _:
            reply["error"] = {"code": -32601, "message": "no such method"}
    return json.dumps(reply)


class Member:
    """One connection."""

    def __init__(self, settings, socket):
        self.settings = settings
        self.socket = socket
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channels = {}
        self.open = set()
        self.switched = False

    async def run(self):
        try:
            async for text in self.socket:
                message = json.loads(text)
                tell("message", lane="ws", binary=False, message=message)
                await self.obey(message)
        except websockets.ConnectionClosed:
            pass
        tell("socket_closed", code=self.socket.close_code, reason=self.socket.close_reason)

    async def obey(self, message):
        match message.get("type"):
            case "connect" if self.settings.get("redirect") and not message.get("redirect"):
                await self.say({"type": "redirect", "location": self.settings["redirect"]})
            case "connect":
                await self.offer(message)
            case "answer" | "re-answer":
                description = RTCSessionDescription(sdp=message["sdp"], type="answer")
                await self.peer.setRemoteDescription(description)
                tell("answered")
            case "candidate":
                candidate = candidate_from_sdp(message["candidate"].removeprefix("candidate:"))
                candidate.sdpMid = "0"
                await self.peer.addIceCandidate(candidate)
            case "disconnect":
                await self.leave()

    async def offer(self, connect):
        for label in LABELS + [wanted["label"] for wanted in connect.get("data_channels", [])]:
            self.channel(label)
        self.ids = {
            "channel_id": connect["channel_id"],
            "client_id": connect.get("client_id", "client"),
            "bundle_id": connect.get("bundle_id", "bundle"),
            "connection_id": secrets.token_hex(13).upper(),
        }
        offer = {"version": "2025.2.0", "session_id": "S" * 26, "mid": {}, "simulcast": False, "spotlight": False}
        offer |= {"data_channel_signaling": True, "ignore_disconnect_websocket": True, "rpc_methods": METHODS}
        offer |= {"config": {"iceServers": [], "iceTransportPolicy": "all"}, **self.ids}
        offer["data_channels"] = [
            {"label": label, "direction": "sendrecv", "compress": label in self.settings["compress"]}
            for label in self.channels
        ]
        offer |= {name: self.settings[name] for name in ["config"] if name in self.settings}
        await self.describe("offer", offer | self.settings.get("offer", {}))

    async def describe(self, kind, members):
        await self.peer.setLocalDescription(await self.peer.createOffer())
        message = {"type": kind, "sdp": self.peer.localDescription.sdp, **members}
        await self.say({name: value for name, value in message.items() if value is not None})

    def channel(self, label):
        channel = self.channels[label] = self.peer.createDataChannel(label)

        @channel.on("open")
        def opened():
            self.open.add(label)
            tell("open", label=label)
            if len(self.open) == len(self.channels):
                asyncio.ensure_future(self.switch())

        @channel.on("close")
        def closed():
            tell("close", label=label)

        @channel.on("message")
        def heard(data):
            asyncio.ensure_future(self.hear(label, data))

    async def hear(self, label, data):
        binary = isinstance(data, bytes)
        plain = data if binary else data.encode()
        if label in self.settings["compress"]:
            plain = zlib.decompress(plain)
        if label.startswith("#"):
            tell("data", lane=label, binary=binary, text=plain.decode())
            return self.put(label, plain.decode())
        message = json.loads(plain)
        tell("message", lane=label, binary=binary, message=message if len(plain) < 4096 else len(plain))
        if label == "signaling":
            await self.obey(message)
        elif label == "rpc" and (text := answer(message)) is not None:
            self.put(label, text)

    async def switch(self):
        pair = self.peer.sctp.transport.transport._connection._nominated[1]
        remote = pair.remote_candidate
        tell("pair", kind=remote.type, address=f"{remote.host}:{remote.port}")
        if self.settings.get("switch", True):
            self.switched = True
            ignored = self.settings.get("offer", {}).get("ignore_disconnect_websocket", True)
            await self.say({"type": "switched", "ignore_disconnect_websocket": ignored}, "ws")
        created = {"type": "notify", "event_type": "connection.created", "role": "recvonly", **self.ids}
        await self.say(created, "notify" if self.switched else "ws")

    async def say(self, message, lane=None):
        """Sends a message where signaling is now, or where it is told to."""
        lane = lane or ("signaling" if self.switched else "ws")
        text = message if isinstance(message, str) else json.dumps(message)
        if lane == "ws":
            await self.socket.send(text)
        else:
            self.put(lane, text)

    def put(self, label, text):
        if label in self.settings["compress"]:
            self.channels[label].send(zlib.compress(text.encode()))
        else:
            self.channels[label].send(text if self.settings.get("text", True) else text.encode())

    async def leave(self):
        """As Sora ends it: each channel by itself; what is left goes with the socket or the peer."""
        for channel in self.channels.values():
            channel.close()
        await self.socket.close(1000, "TYPE-DISCONNECT")


class Server:
    def __init__(self, settings):
        self.settings = settings
        self.members = []

    async def welcome(self, socket):
        tell("socket", path=socket.request.path)
        member = Member(self.settings, socket)
        self.members.append(member)
        await member.run()

    async def command(self, line):
        """A command for whoever came last."""
        member = self.members[-1]
        match line["do"]:
            case "say":
                await member.say(line["message"], line.get("lane"))
            case "re-offer":
                await member.describe("re-offer", line.get("members", {}))
            case "close_socket":
                await member.socket.close(line["code"], line["reason"])
            case "cut_socket":
                member.socket.transport.abort()
            case "close_channel":
                member.channels[line["label"]].close()
            case "leave":
                await member.leave()
            case "cut":
                await member.peer.close()
            case unknown:
                tell("thrown", text=f"no command {unknown}")


async def main():
    lines = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    settings = json.loads(await lines.readline())
    server = Server({"compress": []} | settings)
    async with websockets.serve(server.welcome, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        if settings.get("redirect"):
            settings = server.settings
            settings["redirect"] = f"ws://127.0.0.1:{port}{settings['redirect']}"
        tell("listening", port=port)
        while line := await lines.readline():
            try:
                await server.command(json.loads(line))
            except Exception as error:
                tell("thrown", text=repr(error))


asyncio.run(main())
