//! Messages that the engine writes straight into their frames.

use std::io::Read;
use std::sync::mpsc;
use std::thread;

use tungstenite::accept;
use venuepool::error::{Outcome, Status};
use venuepool::ws::frame::Kind;

use super::desk::{Desk, SECOND, settings};
use crate::peer::{Server, exchange};

fn write(room: &mut [u8], text: &str) -> usize {
    room[..text.len()].copy_from_slice(text.as_bytes());
    text.len()
}

#[test]
fn messages_and_calls_go_out_of_their_frames_plain_and_over_tls() {
    for is_tls in [false, true] {
        let server = Server::start(is_tls, |_, peer| exchange(peer));
        let mut desk = Desk::open(&server, &settings());
        let mut frame = desk.session.frame(64 * 1024).unwrap();
        // Each length of the header.
        for (round, len) in [1, 125, 126, 65_535, 65_536].into_iter().enumerate() {
            let text = "x".repeat(len);
            let len = write(frame.room().unwrap(), &text);
            let sequence = desk.session.send_frame(&mut frame, Kind::Text, len).unwrap();
            assert_eq!(sequence, 2 * round as u64 + 1);
            assert!(desk.message() == text, "{len}");
            let key = round as u64;
            let len = write(frame.room().unwrap(), &format!("id:{key}"));
            let call = desk.session.call_frame(&mut frame, Kind::Text, len, key, SECOND * 10, 7);
            let (ended, answer) = desk.completion();
            assert_eq!((ended.call.id, ended.call.user_data), (call.unwrap(), 7));
            assert_eq!((ended.outcome, answer), (Outcome::Ok, format!("id:{key} ok")));
        }
        assert_eq!(desk.close().unwrap().fate.last, 10);
    }
}

/// What is on the wire is what lies in the room: nothing was masked or sent from elsewhere.
#[test]
fn a_message_is_masked_where_it_was_written() {
    const TEXT: &str = "{\"op\":\"order\",\"id\":1}";
    let (told, on_the_wire) = mpsc::channel();
    let server = Server::of_streams(false, move |_, stream| {
        let Ok(mut peer) = accept(stream) else { return };
        let mut bytes = vec![0; 6 + TEXT.len()];
        peer.get_mut().read_exact(&mut bytes).unwrap();
        told.send(bytes).unwrap();
        exchange(&mut peer);
    });
    let desk = Desk::open(&server, &settings());
    let mut frame = desk.session.frame(100).unwrap();
    let place = frame.room().unwrap().as_ptr();
    let len = write(frame.room().unwrap(), TEXT);
    desk.session.send_frame(&mut frame, Kind::Text, len).unwrap();
    let frame_on_the_wire = on_the_wire.recv().unwrap();
    let (key, payload) = frame_on_the_wire[2..].split_at(4);
    assert_eq!(&frame.room().unwrap()[..len], payload);
    assert_eq!((frame.room().unwrap().as_ptr(), frame.room().unwrap().len()), (place, 100));
    let plain = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
    assert_eq!(plain.collect::<Vec<u8>>(), TEXT.as_bytes());
    desk.close();
}

#[test]
fn eight_threads_each_with_a_frame_find_their_messages_in_their_order() {
    const EACH: u32 = 500;
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut desk = Desk::open(&server, &settings());
    let session = &std::sync::Arc::clone(&desk.session);
    thread::scope(|scope| {
        for sender in 0..8 {
            scope.spawn(move || {
                let mut frame = session.frame(32).unwrap();
                for number in 0..EACH {
                    let len = write(frame.room().unwrap(), &format!("{sender}:{number}"));
                    // A refusal for too much on its way leaves the message in the frame.
                    while let Err(status) = session.send_frame(&mut frame, Kind::Text, len) {
                        assert_eq!(status, Status::ERR_WAITING_FULL);
                        thread::yield_now();
                    }
                }
            });
        }
        let mut next = [0; 8];
        for _ in 0..8 * EACH {
            let message = desk.message();
            let (sender, number) = message.split_once(':').unwrap();
            let next = &mut next[sender.parse::<usize>().unwrap()];
            assert_eq!(number.parse(), Ok(*next));
            *next += 1;
        }
    });
    desk.close();
}

#[test]
fn a_frame_that_is_used_wrongly_is_refused_by_name() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut settings = settings();
    settings.set_sizes(100, 1000, 1000).unwrap();
    let mut desk = Desk::open(&server, &settings);
    let other = Desk::open(&server, &settings);
    assert_eq!(desk.session.frame(0).err(), Some(Status::ERR_ARGUMENT));
    assert_eq!(desk.session.frame(101).err(), Some(Status::ERR_TOO_LARGE));
    let mut frame = desk.session.frame(10).unwrap();
    let send = |frame: &mut _, len| desk.session.send_frame(frame, Kind::Text, len);
    assert_eq!(send(&mut frame, 1), Err(Status::ERR_PHASE));
    let len = write(frame.room().unwrap(), "an order");
    let elsewhere = other.session.send_frame(&mut frame, Kind::Text, len);
    assert_eq!(elsewhere, Err(Status::ERR_WRONG_POOL));
    for too_long in [11, 101, usize::MAX] {
        assert_eq!(send(&mut frame, too_long), Err(Status::ERR_TOO_LARGE));
    }
    // No refusal has changed what was written, and none was counted as a message.
    assert_eq!(send(&mut frame, len), Ok(1));
    assert_eq!(send(&mut frame, len), Err(Status::ERR_PHASE));
    assert_eq!(desk.message(), "an order");
    desk.call(1);
    desk.completion();
    let session = std::sync::Arc::clone(&desk.session);
    desk.close();
    write(frame.room().unwrap(), "late");
    assert_eq!(session.send_frame(&mut frame, Kind::Text, 4), Err(Status::ERR_CLOSED));
    other.close();
}

/// A call that is refused is not sent: its message stays in the frame, for a key that is free.
#[test]
fn a_call_that_is_refused_leaves_its_message_in_the_frame() {
    let server = Server::start(false, |_, peer| {
        // The first call is answered behind the second.
        let first = peer.read().unwrap();
        let second = peer.read().unwrap();
        for message in [second, first] {
            peer.send(tungstenite::Message::text(format!("{message} ok"))).unwrap();
        }
        exchange(peer);
    });
    let mut desk = Desk::open(&server, &settings());
    desk.call(1);
    let mut frame = desk.session.frame(10).unwrap();
    let len = write(frame.room().unwrap(), "id:2");
    let mut call = |key| desk.session.call_frame(&mut frame, Kind::Text, len, key, SECOND * 10, 0);
    assert_eq!(call(1), Err(Status::ERR_ARGUMENT));
    let id = call(2).unwrap();
    let (ended, answer) = desk.completion();
    assert_eq!((ended.call.id, answer.as_str()), (id, "id:2 ok"));
    assert_eq!(desk.completion().1, "id:1 ok");
    desk.close();
}
