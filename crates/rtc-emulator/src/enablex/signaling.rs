//! The rooms over Socket.IO.

use std::{convert::Infallible, sync::Arc};

use serde_json::Value;
use socketioxide::{
    ProtocolVersion,
    extract::{AckSender, SocketRef, TryData},
    handler::ConnectHandler as _,
};

use super::{commands, entrance::Arrival, hub::Hub};
use crate::socketio::Mount;

/// Where clients of the newer protocol generation connect; those of the older one do at [`crate::socketio::PATH`].
pub(super) const NEWER: &str = "/v3/socket.io";

/// Has the rooms served in the first namespace of a server.
pub(super) fn serve(hub: &Arc<Hub>, mount: &Mount) {
    let hub = Arc::clone(hub);
    // The library tells a client that it is connected before it runs the handler, as a task of its own: the token
    // of a quick client would meet nobody. A middleware runs before that.
    let listening = move |socket: SocketRef| {
        let hub = Arc::clone(&hub);
        async move {
            listen(&hub, &socket);
            Ok::<(), Infallible>(())
        }
    };
    mount.io.ns("/", (async |_: SocketRef| {}).with(listening));
}

fn listen(hub: &Arc<Hub>, socket: &SocketRef) {
    let here = Arc::clone(hub);
    socket.on("token", move |socket: SocketRef, TryData(token): TryData<Value>, ack: AckSender| {
        let hub = Arc::clone(&here);
        async move {
            let newer = socket.protocol() == ProtocolVersion::V5;
            let given = token.unwrap_or_default();
            hub.turn(|world| world.enter(&Arrival { socket: Some(&socket), newer, given: &given }, ack));
        }
    });
    for event in commands::events() {
        let here = Arc::clone(hub);
        socket.on(event, move |socket: SocketRef, TryData(argument): TryData<Value>, ack: AckSender| {
            let hub = Arc::clone(&here);
            async move { hub.turn(|world| world.command(&socket, event, argument.unwrap_or_default(), ack)) }
        });
    }
    // The one command with two arguments.
    let here = Arc::clone(hub);
    socket.on(
        commands::FLOOR_REQUEST,
        move |socket: SocketRef, TryData(arguments): TryData<(Value, Value)>, ack: AckSender| {
            let hub = Arc::clone(&here);
            let arguments =
                arguments.map_or(Value::Null, |(client, action)| Value::Array(vec![client, action]));
            async move { hub.turn(|world| world.command(&socket, commands::FLOOR_REQUEST, arguments, ack)) }
        },
    );
    let here = Arc::clone(hub);
    socket.on_disconnect(move |socket: SocketRef| {
        let hub = Arc::clone(&here);
        async move { hub.turn(|world| world.hang_up(&socket)) }
    });
}
