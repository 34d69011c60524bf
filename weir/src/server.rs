//! Listening: accepts connections within a limit and serves them until the server stops.
//!
//! Separate from the routes, which each role has of its own. Invariants: at most so many connections at once, the next ones wait in the system's queue; nobody
//! keeps a place by silence, before a request, in its head or by not taking the answer; no delay by Nagle's algorithm; after the stop no connection
//! is accepted, and those that are idle are closed.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tower::ServiceExt as _;

use crate::error::Error;

/// How long an answer may wait for its reader to take some of it.
const STALLED: Duration = Duration::from_secs(30);
/// How long to wait when the system has no connection to give.
const AGAIN: Duration = Duration::from_millis(500);

/// What connections may do.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Open at once.
    pub connections_max: usize,
    /// How long one may be without a request, and a request's head on its way.
    pub idle: Duration,
}

/// Takes the address, which was given with `option`.
pub async fn listen(address: SocketAddr, option: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::Usage(format!("cannot listen on {address}: {error}. Give another one with {option}"))
    })
}

/// Serves until the stop, then until every answer that was begun is given.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let places = Arc::new(Semaphore::new(bounds.connections_max));
    let (end, ending) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut stop => break,
            accepted = accept => accepted,
        };
        while connections.try_join_next().is_some() {}
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection was accepted; trying again");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let (routes, ending) = (routes.clone(), ending.clone());
        connections.spawn(async move {
            connection((stream, address), routes, ending, bounds.idle).await;
            drop(place);
        });
    }
    drop(listener);
    end.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection.
async fn connection(
    (stream, address): (TcpStream, SocketAddr),
    routes: Router,
    mut ending: watch::Receiver<bool>,
    idle: Duration,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(Caller(address)));
        answer(routes.clone(), request)
    });
    let io = TokioIo::new(Taken { stream, stalled: None });
    let mut http = http1::Builder::new();
    let served = http.timer(TokioTimer::new()).header_read_timeout(idle).serve_connection(io, service);
    let mut served = pin!(served);
    let done = tokio::select! {
        done = served.as_mut() => done,
        // An error means that the server is gone.
        () = async { drop(ending.wait_for(|ends| *ends).await) } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = done {
        tracing::debug!(%error, %address, "a connection ended");
    }
}

async fn answer(routes: Router, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    routes.oneshot(request.map(Body::new)).await
}

/// Where a request came from; in its extensions as `ConnectInfo`.
#[derive(Debug, Clone, Copy)]
pub struct Caller(pub SocketAddr);

/// A connection whose reader has to take what it asked for.
struct Taken {
    stream: TcpStream,
    /// Runs while the reader takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Taken {
    /// What a write came to, or that it waits for too long.
    fn watched<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALLED)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Taken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Taken {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watched(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
