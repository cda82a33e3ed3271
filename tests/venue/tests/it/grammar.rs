//! The text form of faults.

use mock_venue::{Fault, FaultKind, How, Place};
use std::time::Duration;

#[test]
fn every_fault_has_a_text_form() {
    let ms = Duration::from_millis;
    let status = |code, retry_after, as_date| FaultKind::Status { code, retry_after, as_date };
    for (spec, kind) in [
        ("delay=100us", FaultKind::Delay(Duration::from_micros(100))),
        ("stall", FaultKind::Stall),
        ("rst-response", FaultKind::Cut(Place::Byte(0), How::Rst)),
        ("fin-response", FaultKind::Cut(Place::Byte(0), How::Fin)),
        ("cut=12", FaultKind::Cut(Place::Byte(12), How::Rst)),
        ("cut=half,bare-fin", FaultKind::Cut(Place::HalfBody, How::BareFin)),
        ("slow=16,1ms", FaultKind::Slow { bytes: 16, every: ms(1) }),
        ("status=503", status(503, None, false)),
        ("status=429,retry-after:2", status(429, Some(2), false)),
        ("status=418,retry-date:2", status(418, Some(2), true)),
        ("interim=103", FaultKind::Interim(103)),
        ("surplus", FaultKind::Surplus),
        (
            "close-after=100,announce",
            FaultKind::CloseAfter { requests: 100, announce: true, how: How::Fin },
        ),
        (
            "close-after=1,rst",
            FaultKind::CloseAfter { requests: 1, announce: false, how: How::Rst },
        ),
        ("idle-close=500ms,fin", FaultKind::IdleClose(ms(500), How::Fin)),
        ("idle-bytes=2s", FaultKind::IdleBytes(ms(2_000))),
        ("black-hole", FaultKind::BlackHole),
        ("refuse", FaultKind::Refuse),
        ("max-connections=5", FaultKind::MaxConnections { limit: 5, answer_429: false }),
        ("max-connections=5,429", FaultKind::MaxConnections { limit: 5, answer_429: true }),
    ] {
        assert_eq!(spec.parse(), Ok(Fault::always(kind)), "{spec}");
    }
}

#[test]
fn the_choice_of_when_stands_anywhere() {
    let fault = Fault::first(3, FaultKind::Delay(Duration::from_secs(1)));
    assert_eq!("delay=first:3,1s".parse(), Ok(fault.clone()));
    assert_eq!("delay=1s,on:/x,first:3".parse(), Ok(fault.on("/x")));
    assert_eq!("stall=every:10".parse(), Ok(Fault::every(10, FaultKind::Stall)));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for spec in [
        "",
        "nonsense",
        "delay",
        "delay=5",
        "delay=ms",
        "delay=1h",
        "delay=1s,2s",
        "stall=now",
        "cut=x",
        "cut=1,softly",
        "slow=1",
        "slow=0,1ms",
        "status=99",
        "status=600",
        "status=429,retry-after",
        "status=429,later:1",
        "interim=101",
        "interim=200",
        "close-after=",
        "close-after=0",
        "idle-close=1ms,kindly",
        "refuse=first:1",
        "max-connections=1,every:2",
        "max-connections=1,430",
        "stall=first:x",
        "stall=every:0",
    ] {
        let error = spec.parse::<Fault>().expect_err(spec);
        assert!(!error.to_string().is_empty());
    }
}
