//! Autobahn cases 6: texts that are UTF-8, and texts that are not.

use venuepool::ws::error::Error;

use crate::autobahn::{Case, fails, good};
use crate::peer::{Sent, frame};

/// "κόσμε", which the suite uses in many cases.
const KOSME: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// A case with this text in these fragments. The verdict is not told by a validator, but by hand.
fn case(number: &str, fragments: &[&[u8]], is_valid: bool) -> Case {
    let last = fragments.len() - 1;
    let frames: Vec<_> = (0..=last)
        .map(|at| {
            let fin = if at == last { 0x80 } else { 0 };
            frame(fin | u8::from(at == 0), fragments[at])
        })
        .collect();
    match is_valid {
        true => good(number, &frames, &[Sent::Text(fragments.concat())]),
        false => fails(number, &frames, &[], Error::InvalidUtf8),
    }
}

/// Cases of one group, each a text in one frame, numbered from 1 on.
fn group(number: &str, is_valid: bool, texts: &[&[u8]]) {
    for (index, text) in texts.iter().enumerate() {
        case(&format!("{number}.{}", index + 1), &[text], is_valid).check();
    }
}

fn in_octets(text: &[u8]) -> Vec<&[u8]> {
    text.chunks(1).collect()
}

#[test]
fn cases_6_1_to_6_3_fragments() {
    case("6.1.1", &[b""], true).check();
    case("6.1.2", &[b"", b"", b""], true).check();
    case("6.1.3", &[b"", b"middle frame payload", b""], true).check();
    let long = "Hello-µ@ßöäüàá-UTF-8!!".as_bytes();
    case("6.2.1", &[long], true).check();
    case("6.2.2", &["Hello-µ@ßöä".as_bytes(), "üàá-UTF-8!!".as_bytes()], true).check();
    case("6.2.3", &in_octets(long), true).check();
    case("6.2.4", &in_octets(KOSME), true).check();
    let bad = [KOSME, b"\xed\xa0\x80edited"].concat();
    case("6.3.1", &[&bad], false).check();
    case("6.3.2", &in_octets(&bad), false).check();
}

/// The suite asks whether a text is refused before its end has come: it is, at the first octet that
/// cannot follow.
#[test]
fn cases_6_4_refused_at_once() {
    let first = [KOSME, b"\xf4"].concat();
    let within = |number: &str, fragments: &[&[u8]]| {
        case(number, fragments, false).check();
        // Nothing behind the octet is needed: neither the rest of the frame nor the last fragment.
        let all = fragments.concat();
        let cut = [&[0x01, 100][..], &all[..first.len() + 1]].concat();
        let outcome = crate::peer::run(&cut, 1);
        assert_eq!(outcome.error, Some(Error::InvalidUtf8), "{number}");
        let cut = [&[0x01, 100][..], &first].concat();
        assert_eq!(crate::peer::run(&cut, 1).error, None, "{number}");
    };
    within("6.4.1", &[KOSME, b"\xf4\x90\x80\x80", b"edited"]);
    within("6.4.2", &[&first, b"\x90", b"\x80\x80edited"]);
    let whole = [KOSME, b"\xf4\x90\x80\x80edited"].concat();
    within("6.4.3", &[&whole]);
    within("6.4.4", &[&whole]);
}

#[test]
fn cases_6_5_to_6_11_lengths_and_borders() {
    let texts = ["hello$world", "hello¢world", "hello€world", "hello𤭢world"];
    group("6.5", true, &[&texts.map(str::as_bytes)[..], &[KOSME]].concat());
    for len in 1..=KOSME.len() {
        // Two characters of it have two octets, one has three, then two again twice.
        let is_valid = [2, 5, 7, 9, 11].contains(&len);
        case(&format!("6.6.{len}"), &[&KOSME[..len]], is_valid).check();
    }
    group("6.7", true, &[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]);
    group("6.8", false, &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]);
    group("6.9", true, &[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]);
    let too_far: [&[u8]; 3] =
        [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"];
    group("6.10", false, &too_far);
    let borders: [&[u8]; 4] =
        [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"];
    group("6.11", true, &borders);
    case("6.11.5", &[b"\xf4\x90\x80\x80"], false).check();
}

#[test]
fn cases_6_12_to_6_16_octets_out_of_place() {
    let all: Vec<u8> = (0x80..=0xbf).collect();
    let mut texts: Vec<&[u8]> =
        (1..=7).map(|len| &b"\x80\xbf\x80\xbf\x80\xbf\x80"[..len]).collect();
    texts[0] = b"\x80";
    texts.insert(1, b"\xbf");
    texts.truncate(7);
    texts.push(&all);
    group("6.12", false, &texts);
    let lonely =
        |from: u8, to: u8| (from..=to).flat_map(|octet| [octet, b' ']).collect::<Vec<u8>>();
    let starts = [
        lonely(0xc0, 0xdf),
        lonely(0xe0, 0xef),
        lonely(0xf0, 0xf7),
        lonely(0xf8, 0xfb),
        lonely(0xfc, 0xfd),
    ];
    group("6.13", false, &starts.each_ref().map(Vec::as_slice));
    let cut: [&[u8]; 10] = [
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ];
    group("6.14", false, &cut);
    group("6.15", false, &[&cut.concat()]);
    group("6.16", false, &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]);
}

#[test]
fn cases_6_17_to_6_21_overlong_forms_and_surrogates() {
    let slash: [&[u8]; 5] = [
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xf8\x80\x80\x80\xaf",
        b"\xfc\x80\x80\x80\x80\xaf",
    ];
    group("6.17", false, &slash);
    let most: [&[u8]; 5] = [
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf8\x87\xbf\xbf\xbf",
        b"\xfc\x83\xbf\xbf\xbf\xbf",
    ];
    group("6.18", false, &most);
    let nul: [&[u8]; 5] = [
        b"\xc0\x80",
        b"\xe0\x80\x80",
        b"\xf0\x80\x80\x80",
        b"\xf8\x80\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80\x80",
    ];
    group("6.19", false, &nul);
    let high: [&[u8]; 4] = [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf"];
    let low: [&[u8]; 3] = [b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"];
    group("6.20", false, &[&high[..], &low].concat());
    let pairs: Vec<_> =
        high.iter().flat_map(|high| [low[0], low[2]].map(|low| [high, low].concat())).collect();
    group("6.21", false, &pairs.iter().map(Vec::as_slice).collect::<Vec<_>>());
}

/// Non-characters and specials are valid UTF-8.
#[test]
fn cases_6_22_and_6_23_non_characters() {
    let ends = [0x1_fffe, 0x1_ffff].into_iter();
    let planes = (0..16).flat_map(|plane| ends.clone().map(move |end| end + plane * 0x1_0000));
    let all = [0xfffe, 0xffff].into_iter().chain(planes);
    let texts: Vec<_> = all.map(|code| char::from_u32(code).unwrap().to_string()).collect();
    assert_eq!(texts.len(), 34);
    group("6.22", true, &texts.iter().map(String::as_bytes).collect::<Vec<_>>());
    let specials: Vec<_> =
        (0xfff9..=0xffff).map(|code| char::from_u32(code).unwrap().to_string()).collect();
    group("6.23", true, &specials.iter().map(String::as_bytes).collect::<Vec<_>>());
}
