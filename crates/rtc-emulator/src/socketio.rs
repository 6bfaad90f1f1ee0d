//! Socket.IO, served by an independent library, so that our own client codec is really tested.
//!
//! Providers that are found under one path share the server there and have a namespace each.

use std::{fmt, sync::Arc};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use socketioxide::{SocketIo, TransportType};

use crate::provider::{Body, BoxFuture};

/// Where nearly every Socket.IO server is.
pub(crate) const PATH: &str = "/socket.io";

type Service = Box<dyn Fn(Request<Incoming>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// A Socket.IO server under a path.
pub(crate) struct Mount {
    path: &'static str,
    /// Where namespaces are registered.
    pub(crate) io: SocketIo,
    service: Service,
}

impl Mount {
    pub(crate) fn new(path: &'static str) -> Self {
        let builder = SocketIo::builder().req_path(path).transports([TransportType::Websocket]);
        // What finds no place is dropped, and a full room has much to tell to everybody at once.
        let builder = builder.max_buffer_size(4096);
        let (service, io) = builder.build_svc();
        let service: Service = Box::new(move |request| {
            let answer = hyper::service::Service::call(&service, request);
            Box::pin(async move {
                match answer.await {
                    Ok(answer) => answer.map(|body| body.map_err(Into::into).boxed_unsync()),
                    Err(never) => match never {},
                }
            })
        });
        Self { path, io, service }
    }

    /// The server at [`PATH`], for all who have a namespace there.
    pub(crate) fn shared() -> Arc<Self> {
        Arc::new(Self::new(PATH))
    }

    /// Whether a request's path is this server's.
    pub(crate) fn holds(&self, path: &str) -> bool {
        path.strip_prefix(self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub(crate) fn answer(&self, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        (self.service)(request)
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount").field("path", &self.path).finish_non_exhaustive()
    }
}
