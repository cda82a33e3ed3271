//! A page in a file, while others read it, cut it off or put another one in its place.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::publish::layout::encode;
use crate::publish::page::{Slot, Writer};
use crate::publish::process::this_process;

/// A folder of a test, removed when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("venuepool-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A page of several of the system's pages, in which each slot has the number of the write.
fn page(sequence: u64, writer: Writer) -> Vec<u8> {
    let slots = vec![Slot { requests: sequence, ..Slot::default() }; 300];
    let mut bytes = Vec::new();
    encode(&mut Page { sequence, writer, slots, ..Page::default() }, &mut bytes);
    bytes
}

fn ended() -> Writer {
    let this = this_process();
    Writer { started_ticks: this.started_ticks + 1, ..this }
}

#[test]
fn a_file_appears_whole_and_goes_with_its_writer() {
    let folder = Folder::new("whole");
    let path = folder.file("page");
    let file = PageFile::create(&path, &page(1, this_process()), None).unwrap();
    assert_eq!(read_page(&path).unwrap().sequence, 1);
    assert!(is_page(&path));
    assert_eq!(folder.names(), ["page"], "nothing else is left");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o022, 0);
    file.write(&page(2, this_process())).unwrap();
    assert_eq!(read_page(&path).unwrap().sequence, 2);
    drop(file);
    assert!(folder.names().is_empty());
}

#[test]
fn no_read_is_a_mixture_of_writes() {
    let folder = Folder::new("mixture");
    let path = folder.file("page");
    let file = PageFile::create(&path, &page(1, this_process()), None).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut sequence = 1;
            // Without a rest, which is much more than a pool does.
            while !is_over.load(Ordering::Relaxed) {
                sequence += 1;
                file.write(&page(sequence, this_process())).unwrap();
            }
        });
        let (mut good, mut last) = (0, 0);
        while good < 500 {
            match read_page(&path) {
                Ok(page) => {
                    assert!(page.slots.iter().all(|slot| slot.requests == page.sequence));
                    assert!(page.sequence >= last);
                    (good, last) = (good + 1, page.sequence);
                }
                Err(ReadError::Refused(Refusal::Torn)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(last > 1);
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn only_a_page_of_a_process_that_has_ended_is_replaced() {
    let folder = Folder::new("replaced");
    let path = folder.file("page");
    let create = |old: Option<&PageFile>| PageFile::create(&path, &page(5, this_process()), old);
    let refused = |why: &str| {
        let error = create(None).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(error.to_string().contains(why), "{error}");
    };
    for foreign in [&b"#!/bin/sh"[..], b""] {
        fs::write(&path, foreign).unwrap();
        refused("page");
        assert_eq!(fs::read(&path).unwrap(), foreign);
    }
    fs::write(&path, page(1, this_process())).unwrap();
    refused("publishes there");
    fs::write(&path, page(1, Writer { namespace: 1, ..ended() })).unwrap();
    refused("publishes there");
    fs::write(&path, page(1, ended())).unwrap();
    let first = create(None).unwrap();
    assert_eq!(read_page(&path).unwrap().sequence, 5);
    refused("publishes there");
    let second = create(Some(&first)).unwrap();
    drop(first);
    assert!(is_page(&path), "the file is that of the second one");
    // Somebody puts another one there.
    fs::remove_file(&path).unwrap();
    fs::write(&path, "mine").unwrap();
    drop(second);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}

#[test]
fn what_is_in_the_way_is_named() {
    let folder = Folder::new("way");
    let create =
        |path: &Path| PageFile::create(path, &page(1, this_process()), None).err().unwrap();
    assert_eq!(create(&folder.file("none/page")).kind(), ErrorKind::NotFound);
    assert_eq!(create(&folder.0).kind(), ErrorKind::AlreadyExists);
    assert_eq!(create(Path::new("/")).kind(), ErrorKind::AlreadyExists);
    create(&folder.file(&"x".repeat(300)));
    let link = folder.file("link");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    assert_eq!(create(&link).kind(), ErrorKind::AlreadyExists);
    assert_eq!(folder.names(), ["link"]);
}

#[test]
fn a_file_that_is_cut_off_is_refused_until_it_is_written_again() {
    let folder = Folder::new("cut");
    let path = folder.file("page");
    let file = PageFile::create(&path, &page(1, this_process()), None).unwrap();
    for len in [5_000, 100, 7, 0] {
        OpenOptions::new().write(true).open(&path).unwrap().set_len(len).unwrap();
        let refused = read_page(&path);
        assert!(matches!(refused, Err(ReadError::Refused(Refusal::Truncated))), "{refused:?}");
    }
    file.write(&page(2, this_process())).unwrap();
    assert_eq!(read_page(&path).unwrap().sequence, 2);
    assert!(matches!(read_page(&folder.0), Err(ReadError::Io(_))));
    assert!(matches!(read_page(&folder.file("none")), Err(ReadError::Io(_))));
}
