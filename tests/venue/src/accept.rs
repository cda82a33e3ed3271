//! Accepts connections and runs each of them as a task on the venue's one thread.

use crate::fault::IdleAction;
use crate::idle::IdleWatch;
use crate::line::{ExchangeRef, Line};
use crate::options::How;
use crate::service::Session;
use crate::state::{Guest, Order, State};
use crate::websocket;
use crate::wire::{Wire, end_socket};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::HandshakeKind;
use socket2::{Domain, Socket, Type};
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsAcceptor;

const BACKLOG: i32 = 1024;

/// A message to the thread that accepts connections. It acknowledges over the enclosed channel.
pub(crate) enum Command {
    Listen(std::net::TcpListener, mpsc::Sender<io::Result<()>>),
    Close(mpsc::Sender<io::Result<()>>),
}

/// Takes an address without listening on it: connections are refused, and the port stays out of
/// the hands of others for as long as the socket lives. A listener can share it.
pub(crate) fn reserve(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Listens on an address, also while the connections of an earlier listener are fading away.
pub(crate) fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = reserve(address)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Starts the thread of a venue. It ends when the returned sender is dropped.
pub(crate) fn spawn(
    state: Arc<State>,
) -> io::Result<(UnboundedSender<Command>, std::thread::JoinHandle<()>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, commands) = tokio::sync::mpsc::unbounded_channel();
    let thread = std::thread::Builder::new()
        .name("mock-venue".into())
        .spawn(move || LocalSet::new().block_on(&runtime, run(state, commands)))?;
    Ok((sender, thread))
}

async fn run(state: Arc<State>, mut commands: UnboundedReceiver<Command>) {
    let mut listener = None;
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Listen(socket, done)) => {
                    let _ = done.send(TcpListener::from_std(socket).map(|it| listener = Some(it)));
                }
                Some(Command::Close(done)) => {
                    listener = None;
                    let _ = done.send(Ok(()));
                }
                None => return,
            },
            stream = accept(listener.as_ref()) => {
                // Entered in the list here and not in its task: a stop must not overlook it.
                let (guest, orders) = state.admit();
                spawn_local(connection(guest, stream, Arc::clone(&state), orders));
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // Out of descriptors, most likely: a pause lets connections end and free some.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

/// The guest comes first because it is dropped last: who waits for it to leave the list finds the
/// socket closed.
async fn connection(
    guest: Guest,
    stream: TcpStream,
    state: Arc<State>,
    mut orders: UnboundedReceiver<Order>,
) {
    // Only a socket that is gone already can refuse this.
    let _ = stream.set_nodelay(true);
    if state.faults.black_hole() {
        return end_socket(&stream, ordered_end(&mut orders).await);
    }
    let limit = state.faults.connection_limit().filter(|(limit, _)| guest.others >= *limit);
    if let Some((_, false)) = limit {
        return end_socket(&stream, How::Fin);
    }
    let Some(wire) = handshake(stream, &state, &mut orders).await else {
        return;
    };
    let (line, how) = serve(wire, &state, orders, limit.is_some()).await;
    line.end(how).await;
}

/// Goes through the TLS handshake, if there is one; nothing when it fails or is ended.
async fn handshake(
    stream: TcpStream,
    state: &State,
    orders: &mut UnboundedReceiver<Order>,
) -> Option<Wire> {
    let Some(config) = state.tls() else {
        return Some(Wire::Plain(stream));
    };
    let mut accepting = TlsAcceptor::from(config).accept(stream);
    let accepted = tokio::select! {
        accepted = &mut accepting => accepted,
        how = ordered_end(orders) => {
            accepting.get_ref().inspect(|stream| end_socket(stream, how));
            return None;
        }
    };
    let mut ledger = state.ledger();
    let Ok(stream) = accepted else {
        ledger.stats.tls_failed += 1;
        return None;
    };
    ledger.stats.tls_handshakes += 1;
    if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
        ledger.stats.tls_resumed += 1;
    }
    Some(Wire::Tls(Box::new(stream)))
}

async fn ordered_end(orders: &mut UnboundedReceiver<Order>) -> How {
    loop {
        match orders.recv().await {
            Some(Order::End(how)) => return how,
            Some(Order::Recheck) => {}
            None => return How::Fin,
        }
    }
}

/// Serves requests until the client, a fault or an order ends that, and says how.
async fn serve(
    wire: Wire,
    state: &Arc<State>,
    mut orders: UnboundedReceiver<Order>,
    over_limit: bool,
) -> (Line, How) {
    let exchange = ExchangeRef::new();
    let session = Rc::new(Session::new(Arc::clone(state), exchange.clone(), over_limit));
    let its_session = Rc::clone(&session);
    let service = service_fn(move |request| {
        let session = Rc::clone(&its_session);
        // Boxed, because polling a connection without shutting it down takes a future that moves.
        Box::pin(async move { session.answer(request).await })
    });
    let line = Line::new(wire, exchange.clone(), Arc::clone(state));
    let mut http = http1::Builder::new()
        .title_case_headers(true)
        .serve_connection(TokioIo::new(line), service);
    let mut idle = IdleWatch::new();
    let how = loop {
        // In this order, because progress on the connection decides whether it is idle.
        tokio::select! {
            biased;
            _ = poll_fn(|cx| http.poll_without_shutdown(cx)) => break exchange.ending(),
            action = poll_fn(|cx| idle.poll(cx, &exchange, &state.faults)) => match action {
                IdleAction::End(how) => break how,
                IdleAction::SendTimeout => exchange.send_idle_timeout(),
            },
            order = orders.recv() => match order {
                Some(Order::End(how)) => break how,
                Some(Order::Recheck) => {}
                None => break How::Fin,
            },
        }
    };
    let parts = http.into_parts();
    let mut line = parts.io.into_inner();
    if !session.is_switched() || how != How::Fin {
        return (line, how);
    }
    let how = {
        let mut serving = pin!(websocket::serve(&mut line, parts.read_buf, state));
        loop {
            tokio::select! {
                how = &mut serving => break how,
                order = orders.recv() => match order {
                    Some(Order::End(how)) => break how,
                    Some(Order::Recheck) => {}
                    None => break How::Fin,
                },
            }
        }
    };
    (line, how)
}
