//! Pools as one JSON object, for programs. Numbers are those of the page: nanoseconds and counts.

use serde_json::{Map, Value, json};
use venuepool::error::{CloseReason, Outcome, Status, WireState};
use venuepool::lane::Lane;
use venuepool::metrics::Kind;
use venuepool::publish::page::{Address, Page, Percentiles, Slot, Totals};

use crate::found::{Found, Read};

/// All that was found.
pub(crate) fn object(found: &[Found]) -> Value {
    json!({ "pools": found.iter().map(pool).collect::<Vec<_>>() })
}

fn pool(found: &Found) -> Value {
    let path = found.path.display().to_string();
    match &found.page {
        Err(why) => json!({ "path": path, "error": why }),
        Ok(read) => page(&path, read),
    }
}

fn page(path: &str, read: &Read) -> Value {
    let (page, state) = (&read.page, &read.page.state);
    json!({
        "path": path,
        "condition": read.condition.name().replace(' ', "_"),
        "age_ns": read.age_ns,
        "pid": page.writer.pid,
        "name": page.name,
        "host": page.host,
        "sequence": page.sequence,
        "period_ns": page.period_ns,
        "written_wall_ns": page.written_wall_ns,
        "suspended_ns": state.suspended_until_ns.saturating_sub(read.now_ns),
        "open_lanes": lanes(state.open_lanes),
        "live": state.live,
        "idle": state.idle,
        "leased": state.leased,
        "in_flight": state.in_flight,
        "waiting": state.waiting,
        "heartbeats_in_flight": state.heartbeats,
        "rate": {
            "over_ns": page.rate.over_ns,
            "accepted": page.rate.accepted,
            "ended": page.rate.ended,
        },
        "totals": totals(&page.totals),
        "recent_ns": page.recent_ns,
        "durations": durations(page),
        "slots": page.slots.iter().map(|its| slot(its, read.now_ns)).collect::<Vec<_>>(),
        "addresses": page.addresses.iter().map(address).collect::<Vec<_>>(),
    })
}

fn lanes(bits: u64) -> Vec<&'static str> {
    let open = Lane::ALL.into_iter().filter(|lane| bits & (1 << *lane as u64) != 0);
    open.map(Lane::name).collect()
}

/// By name, each that has a number: `name(one)` without its beginning, in small letters.
fn named<T: Copy>(
    all: &[T],
    numbers: &[u64],
    name: impl Fn(T) -> &'static std::ffi::CStr,
    beginning: &str,
) -> Map<String, Value> {
    let one = |(one, number): (&T, &u64)| {
        let name = name(*one).to_string_lossy();
        let name = name.strip_prefix(beginning).unwrap_or(&name).to_ascii_lowercase();
        (name, Value::from(*number))
    };
    all.iter().zip(numbers).map(one).collect()
}

fn totals(totals: &Totals) -> Value {
    let lane = |lane: Lane| (lane.name().to_owned(), totals.accepted[lane as usize].into());
    let [resolve, connect, tls, system] = totals.dial_failures;
    json!({
        "accepted": Lane::ALL.into_iter().map(lane).collect::<Map<_, _>>(),
        "refused": named(Status::ALL, &totals.refused, Status::name, "VP_ERR_"),
        "outcomes": named(Outcome::ALL, &totals.outcomes, Outcome::name, "VP_OUTCOME_"),
        "wire_states": named(WireState::ALL, &totals.wire_states, WireState::name, "VP_WIRE_"),
        "closed": named(CloseReason::ALL, &totals.closed, CloseReason::name, "VP_CLOSE_REASON_"),
        "dial_failures": { "resolve": resolve, "connect": connect, "tls": tls, "system": system },
        "dials": totals.dials,
        "connected": totals.connected,
        "heals": totals.heals,
        "rotations": totals.rotations,
        "heartbeats": totals.heartbeats,
        "pauses": totals.pauses,
        "late": totals.late,
        "fanouts": totals.fanouts,
        "fanout_copies": totals.copies,
        "stale_lookups": totals.stale_lookups,
    })
}

fn durations(page: &Page) -> Value {
    if !page.state.has_histograms {
        return Value::Null;
    }
    let one = |(kind, its): (&Kind, &venuepool::publish::page::Durations)| {
        let both = json!({ "all": percentiles(&its.all), "recent": percentiles(&its.recent) });
        (kind.name().to_owned(), both)
    };
    Value::Object(Kind::ALL.iter().zip(&page.durations).map(one).collect())
}

fn percentiles(its: &Percentiles) -> Value {
    json!({
        "count": its.count,
        "p50_ns": its.p50_ns,
        "p99_ns": its.p99_ns,
        "p99.9_ns": its.p999_ns,
        "max_ns": its.max_ns,
    })
}

fn slot(slot: &Slot, now_ns: u64) -> Value {
    let since = |ns: u64| (ns != 0).then(|| now_ns.saturating_sub(ns));
    let name = |name: &'static std::ffi::CStr, beginning: &str| {
        let name = name.to_string_lossy();
        name.strip_prefix(beginning).unwrap_or(&name).to_ascii_lowercase()
    };
    json!({
        "state": slot.activity().map(|state| name(state.name(), "VP_SLOT_STATE_")),
        "local": slot.local.map(|address| address.to_string()),
        "peer": slot.peer.map(|address| address.to_string()),
        "age_ns": since(slot.up_ns),
        "proven_ago_ns": since(slot.proven_ns),
        "connection": slot.connection,
        "heals": slot.heals,
        "requests": slot.requests,
        "rtt_ns": slot.rtt_ns,
        "next_dial_in_ns": match slot.next_dial_ns {
            0 => None,
            ns => Some(ns.saturating_sub(now_ns)),
        },
        "tls_version": slot.tls_version,
        "is_resumed": slot.is_resumed,
        "last_close":
            slot.last_close_reason().map(|reason| name(reason.name(), "VP_CLOSE_REASON_")),
    })
}

fn address(address: &Address) -> Value {
    json!({
        "address": address.address.map(|address| address.to_string()),
        "is_listed": address.is_listed,
        "slots": address.slots,
        "connections": address.connections,
        "failures": address.failures,
        "connect_ns": address.connect_ns,
        "rtt_ns": address.rtt_ns,
        "rtt_min_ns": address.rtt_min_ns,
    })
}
