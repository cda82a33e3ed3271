//! The text form of faults: `NAME[=WORD[,WORD...]]`.
//!
//! Words that choose when a fault strikes (`first:N`, `every:N`, `on:PATH`) can stand anywhere;
//! the others are taken in the order in which the table of the README lists them.

use crate::fault::{Fault, FaultKind, Place, When};
use crate::options::How;
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Says what is wrong with the text form of a fault, a time or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError(String);

impl SpecError {
    pub(crate) fn new(message: String) -> Self {
        Self(message)
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SpecError {}

impl FromStr for How {
    type Err = SpecError;

    fn from_str(word: &str) -> Result<Self, SpecError> {
        match word {
            "fin" => Ok(Self::Fin),
            "bare-fin" => Ok(Self::BareFin),
            "rst" => Ok(Self::Rst),
            _ => Err(SpecError(format!("'{word}' is not one of fin, bare-fin, rst"))),
        }
    }
}

impl FromStr for Fault {
    type Err = SpecError;

    fn from_str(spec: &str) -> Result<Self, SpecError> {
        let (name, words) = spec.split_once('=').unwrap_or((spec, ""));
        let mut words = Words::of(words)?;
        let kind = kind(name, &mut words)
            .map_err(|SpecError(message)| SpecError(format!("fault '{spec}': {message}")))?;
        if let Some(word) = words.plain.front() {
            return Err(SpecError(format!("fault '{spec}': '{word}' is too much")));
        }
        let standing = matches!(kind, FaultKind::Refuse | FaultKind::MaxConnections { .. });
        if standing && words.when != When::Always {
            return Err(SpecError(format!(
                "fault '{spec}' holds until cleared, it is not counted"
            )));
        }
        Ok(Self { kind, when: words.when, path: words.path })
    }
}

fn kind(name: &str, words: &mut Words<'_>) -> Result<FaultKind, SpecError> {
    Ok(match name {
        "delay" => FaultKind::Delay(words.duration()?),
        "stall" => FaultKind::Stall,
        "rst-response" => FaultKind::Cut(Place::Byte(0), How::Rst),
        "fin-response" => FaultKind::Cut(Place::Byte(0), How::Fin),
        "cut" => FaultKind::Cut(words.place()?, words.how(How::Rst)?),
        "slow" => FaultKind::Slow { bytes: words.positive()?, every: words.duration()? },
        "status" => words.status()?,
        "interim" => words.interim()?,
        "surplus" => FaultKind::Surplus,
        "close-after" => FaultKind::CloseAfter {
            requests: words.positive()?,
            announce: words.flag("announce"),
            how: words.how(How::Fin)?,
        },
        "idle-close" => FaultKind::IdleClose(words.duration()?, words.how(How::Fin)?),
        "idle-bytes" => FaultKind::IdleBytes(words.duration()?),
        "black-hole" => FaultKind::BlackHole,
        "refuse" => FaultKind::Refuse,
        "max-connections" => {
            FaultKind::MaxConnections { limit: words.number()?, answer_429: words.flag("429") }
        }
        _ => return Err(SpecError("no fault has this name".into())),
    })
}

/// What follows the name of a fault.
struct Words<'a> {
    plain: VecDeque<&'a str>,
    when: When,
    path: Option<String>,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Result<Self, SpecError> {
        let mut words = Words { plain: VecDeque::new(), when: When::Always, path: None };
        for word in text.split(',').filter(|word| !word.is_empty()) {
            if let Some(times) = word.strip_prefix("first:") {
                words.when = When::First(number(times)?);
            } else if let Some(nth) = word.strip_prefix("every:") {
                words.when = When::Every(positive(nth)?);
            } else if let Some(path) = word.strip_prefix("on:") {
                words.path = Some(path.into());
            } else {
                words.plain.push_back(word);
            }
        }
        Ok(words)
    }

    fn next(&mut self, what: &str) -> Result<&'a str, SpecError> {
        self.plain.pop_front().ok_or_else(|| SpecError(format!("{what} is missing")))
    }

    fn number<N: FromStr>(&mut self) -> Result<N, SpecError> {
        number(self.next("a number")?)
    }

    fn positive<N: FromStr + Default + PartialEq>(&mut self) -> Result<N, SpecError> {
        positive(self.next("a number")?)
    }

    fn duration(&mut self) -> Result<Duration, SpecError> {
        duration(self.next("a time")?)
    }

    fn flag(&mut self, name: &str) -> bool {
        let present = self.plain.front() == Some(&name);
        if present {
            self.plain.pop_front();
        }
        present
    }

    fn how(&mut self, otherwise: How) -> Result<How, SpecError> {
        self.plain.pop_front().map_or(Ok(otherwise), str::parse)
    }

    fn place(&mut self) -> Result<Place, SpecError> {
        match self.next("a number of bytes, or 'half',")? {
            "half" => Ok(Place::HalfBody),
            bytes => number(bytes).map(Place::Byte),
        }
    }

    fn interim(&mut self) -> Result<FaultKind, SpecError> {
        match self.number()? {
            code @ (100 | 102..=199) => Ok(FaultKind::Interim(code)),
            code => Err(SpecError(format!("{code} is not the status of an interim answer"))),
        }
    }

    fn status(&mut self) -> Result<FaultKind, SpecError> {
        let code = self.number()?;
        if !(200..=599).contains(&code) {
            return Err(SpecError(format!("{code} is not the status of an answer")));
        }
        let (mut retry_after, mut as_date) = (None, false);
        if let Some(word) = self.plain.front() {
            let (name, seconds) = word.split_once(':').unwrap_or((word, ""));
            as_date = match name {
                "retry-after" => false,
                "retry-date" => true,
                _ => return Err(SpecError(format!("'{word}' does not belong to a status"))),
            };
            retry_after = Some(number(seconds)?);
            self.plain.pop_front();
        }
        Ok(FaultKind::Status { code, retry_after, as_date })
    }
}

fn number<N: FromStr>(word: &str) -> Result<N, SpecError> {
    word.parse().map_err(|_| SpecError(format!("'{word}' is not a number that fits")))
}

fn positive<N: FromStr + Default + PartialEq>(word: &str) -> Result<N, SpecError> {
    match number(word)? {
        zero if zero == N::default() => Err(SpecError(format!("'{word}' is too little"))),
        value => Ok(value),
    }
}

/// `250us`, `500ms` or `2s`.
fn duration(word: &str) -> Result<Duration, SpecError> {
    let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
    let amount = number(digits)?;
    match &word[digits.len()..] {
        "us" => Ok(Duration::from_micros(amount)),
        "ms" => Ok(Duration::from_millis(amount)),
        "s" => Ok(Duration::from_secs(amount)),
        _ => Err(SpecError(format!("'{word}' is not a time such as 250us, 500ms or 2s"))),
    }
}
