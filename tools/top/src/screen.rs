//! The live view: the table again and again, and the keys.
//!
//! It draws the lines of `table.rs`, and knows nothing of what they say. The terminal is given back
//! as it was, also after a panic.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::style::{Attribute, Color, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen,
};
use crossterm::{execute, queue};

use crate::found::{Found, find};
use crate::table::{Durations, Line, Piece, lines};

/// What is seen, and what is drawn of it.
struct View {
    found: Vec<Found>,
    durations: Durations,
    is_paused: bool,
    /// So many lines are above the screen.
    scrolled: usize,
}

/// What a key asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Nothing,
    Draw,
    Quit,
}

/// Shows the pools at these paths until a key ends it.
///
/// # Errors
/// What the terminal says.
pub(crate) fn run(paths: &[PathBuf], interval: Duration, durations: Durations) -> io::Result<()> {
    let _terminal = Terminal::take()?;
    let mut view = View { found: find(paths), durations, is_paused: false, scrolled: 0 };
    let mut next = Instant::now() + interval;
    view.draw()?;
    loop {
        if event::poll(next.saturating_duration_since(Instant::now()))? {
            let wish = match event::read()? {
                Event::Key(key) if key.kind == KeyEventKind::Press => view.key(key),
                Event::Resize(..) => Wish::Draw,
                _ => Wish::Nothing,
            };
            match wish {
                Wish::Nothing => {}
                Wish::Draw => view.draw()?,
                Wish::Quit => return Ok(()),
            }
        }
        if Instant::now() >= next {
            if !view.is_paused {
                view.found = find(paths);
                view.draw()?;
            }
            next = Instant::now() + interval;
        }
    }
}

/// The terminal in the state of the live view, until this is dropped.
struct Terminal;

impl Terminal {
    fn take() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        // From here on it is given back, whatever fails.
        let terminal = Self;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(terminal)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

impl View {
    fn key(&mut self, key: KeyEvent) -> Wish {
        let page = 10;
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Wish::Quit;
            }
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Quit,
            KeyCode::Char('a') => {
                self.durations = match self.durations {
                    Durations::Recent => Durations::All,
                    Durations::All => Durations::Recent,
                };
            }
            KeyCode::Char('p') => self.is_paused = !self.is_paused,
            KeyCode::Up | KeyCode::Char('k') => self.scrolled = self.scrolled.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.scrolled += 1,
            KeyCode::PageUp => self.scrolled = self.scrolled.saturating_sub(page),
            KeyCode::PageDown => self.scrolled += page,
            KeyCode::Home => self.scrolled = 0,
            _ => return Wish::Nothing,
        }
        Wish::Draw
    }

    fn draw(&mut self) -> io::Result<()> {
        let (columns, rows) = terminal::size()?;
        let mut frame = Vec::new();
        self.frame(&mut frame, columns.into(), rows.into())?;
        let mut out = io::stdout().lock();
        out.write_all(&frame)?;
        out.flush()
    }

    /// One frame as bytes for the terminal: the table, and a last line with the keys.
    fn frame(&mut self, frame: &mut Vec<u8>, columns: usize, rows: usize) -> io::Result<()> {
        let table = lines(&self.found, self.durations);
        let room = rows.saturating_sub(1);
        self.scrolled = self.scrolled.min(table.len().saturating_sub(room));
        queue!(frame, BeginSynchronizedUpdate)?;
        let shown = table.iter().skip(self.scrolled).take(room);
        let mut row = 0;
        for line in shown {
            queue!(frame, MoveTo(0, row))?;
            draw_line(frame, line, columns)?;
            row += 1;
        }
        queue!(frame, MoveTo(0, row), Clear(ClearType::FromCursorDown))?;
        let keys = "q quit   a recent or all durations   p pause   arrows scroll";
        let paused = if self.is_paused { "   PAUSED" } else { "" };
        let keys = Line(vec![(Piece::Heading, format!("{keys}{paused}"))]);
        queue!(frame, MoveTo(0, rows.saturating_sub(1) as u16))?;
        draw_line(frame, &keys, columns)?;
        queue!(frame, EndSynchronizedUpdate)
    }
}

/// Draws what fits of a line, and clears the rest of its row.
fn draw_line(frame: &mut Vec<u8>, line: &Line, columns: usize) -> io::Result<()> {
    let mut left = columns;
    for (piece, text) in &line.0 {
        let text: String = text.chars().take(left).collect();
        left -= text.chars().count();
        match piece {
            Piece::Plain => {}
            Piece::Name => queue!(frame, SetAttribute(Attribute::Bold))?,
            Piece::Heading => queue!(frame, SetAttribute(Attribute::Underlined))?,
            Piece::Good => queue!(frame, SetForegroundColor(Color::Green))?,
            Piece::Passing => queue!(frame, SetForegroundColor(Color::Yellow))?,
            Piece::Bad => queue!(frame, SetForegroundColor(Color::Red))?,
        }
        frame.extend_from_slice(text.as_bytes());
        if *piece != Piece::Plain {
            queue!(frame, SetAttribute(Attribute::Reset), ResetColor)?;
        }
    }
    queue!(frame, Clear(ClearType::UntilNewLine))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        let error = |number| Found { path: format!("/{number}").into(), page: Err("gone".into()) };
        let found = (0..20).map(error).collect();
        View { found, durations: Durations::Recent, is_paused: false, scrolled: 0 }
    }

    fn frame(view: &mut View, columns: usize, rows: usize) -> String {
        let mut frame = Vec::new();
        view.frame(&mut frame, columns, rows).unwrap();
        String::from_utf8(frame).unwrap()
    }

    fn press(view: &mut View, code: KeyCode) -> Wish {
        view.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn a_frame_fits_the_terminal_and_scrolls_within_its_lines() {
        let mut view = view();
        let first = frame(&mut view, 80, 11);
        assert!(first.contains("/0") && !first.contains("/5"), "10 rows are 5 pools");
        assert_eq!(press(&mut view, KeyCode::PageDown), Wish::Draw);
        assert!(frame(&mut view, 80, 11).contains("/5"));
        for _ in 0..100 {
            press(&mut view, KeyCode::Down);
        }
        assert!(frame(&mut view, 80, 11).contains("/19"));
        assert_eq!(view.scrolled, 39 - 10);
        assert!(frame(&mut view, 3, 1).contains("q q"), "the keys alone, cut off");
        frame(&mut view, 0, 0);
    }

    #[test]
    fn keys_do_what_the_last_line_says() {
        let mut view = view();
        press(&mut view, KeyCode::Char('a'));
        press(&mut view, KeyCode::Char('p'));
        assert!(view.durations == Durations::All && view.is_paused);
        assert!(frame(&mut view, 80, 11).contains("PAUSED"));
        assert_eq!(press(&mut view, KeyCode::Char('x')), Wish::Nothing);
        assert_eq!(press(&mut view, KeyCode::Char('q')), Wish::Quit);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(view.key(interrupt), Wish::Quit);
    }
}
