//! Memory in pages of its own, asked for from the system and given back to it.
//!
//! It knows nothing of what is kept in it. The heap promises neither that memory which was never
//! used takes none of the machine's, nor that memory which is freed goes back.
//!
//! All of it reads as zero until it is written, so it may be lent as a plain slice. A page takes
//! real memory from its first use on.

use std::io;
use std::ops::{Deref, DerefMut};

use memmap2::{Advice, MmapMut, RemapOptions, UncheckedAdvice};

/// The size of a page on x86-64, and the smallest one on aarch64. Where pages are larger, more is
/// kept, and all else is as it is.
pub const PAGE: usize = 4096;

/// A run of bytes in whole pages; empty if there was no memory.
#[derive(Debug, Default)]
pub struct Pages(Option<MmapMut>);

impl Pages {
    /// So many bytes of address space, and no memory yet.
    ///
    /// # Errors
    /// The system has none.
    pub fn new(len: usize) -> io::Result<Self> {
        let pages = MmapMut::map_anon(len)?;
        // A huge page would be memory for all of them. Where there are none, this is refused.
        let _ = pages.advise(Advice::NoHugePage);
        Ok(Self(Some(pages)))
    }

    /// Makes it longer or shorter, if need be at another place. What is in it stays.
    ///
    /// # Errors
    /// The system has no more address space; nothing has changed.
    #[allow(unsafe_code)]
    pub fn resize(&mut self, len: usize) -> io::Result<()> {
        match &mut self.0 {
            None => *self = Self::new(len)?,
            // SAFETY: the mapping is private memory, so all of the new length is there. It may
            // move, because it is lent by reference only, and `&mut self` is the only one now.
            Some(pages) => unsafe { pages.remap(len, RemapOptions::new().may_move(true)) }?,
        }
        Ok(())
    }

    /// Gives the memory of all whole pages behind `kept` bytes back. They read as zero afterwards.
    /// Locked memory is kept (mlockall(2)).
    #[allow(unsafe_code)]
    pub fn give_back(&mut self, kept: usize) {
        let begin = kept.next_multiple_of(page_size());
        let Some(pages) = self.0.as_mut().filter(|pages| begin < pages.len()) else { return };
        let len = pages.len() - begin;
        // SAFETY: whole pages of private memory of no file. What is taken back reads as zero, which
        // is a byte as any other, and `&mut self` is the only reference to it.
        let _ = unsafe { pages.unchecked_advise_range(UncheckedAdvice::DontNeed, begin, len) };
    }

    /// Uses each page once, so that no later use of it is a page fault. What is in it stays.
    pub fn touch(&mut self) {
        for page in self.chunks_mut(PAGE) {
            // Hidden from the compiler, which knows that this changes nothing.
            page[0] = std::hint::black_box(page[0]);
        }
    }
}

/// The size of a page on this machine.
#[allow(unsafe_code)]
fn page_size() -> usize {
    // SAFETY: it reads a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(PAGE)
}

impl Deref for Pages {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl DerefMut for Pages {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of its pages take memory, as the system counts them.
    fn resident(pages: &Pages) -> usize {
        let file = std::fs::File::open("/proc/self/pagemap").unwrap();
        let first = pages.as_ptr() as usize / PAGE;
        let is_there = |page: &usize| {
            let mut entry = [0; 8];
            let at = ((first + page) * entry.len()) as u64;
            std::os::unix::fs::FileExt::read_exact_at(&file, &mut entry, at).unwrap();
            // Bit 63: present; bit 62: swapped out.
            u64::from_ne_bytes(entry) >> 62 != 0
        };
        (0..pages.len().div_ceil(PAGE)).filter(is_there).count()
    }

    #[test]
    fn only_what_is_used_takes_memory_until_it_is_given_back() {
        let mut pages = Pages::new(16 * PAGE).unwrap();
        assert_eq!(resident(&pages), 0);
        pages[5 * PAGE] = 7;
        assert_eq!(resident(&pages), 1);
        pages.touch();
        assert_eq!((resident(&pages), pages[5 * PAGE]), (16, 7));
        pages.give_back(100 * PAGE);
        assert_eq!(resident(&pages), 16);
        pages.give_back(PAGE + 1);
        assert_eq!((resident(&pages), pages[5 * PAGE]), (2, 0));
    }

    #[test]
    fn a_new_length_keeps_what_is_in_it() {
        let mut pages = Pages::default();
        assert!(pages.is_empty());
        pages.give_back(0);
        pages.touch();
        pages.resize(100).unwrap();
        pages.fill(9);
        pages.resize(1 << 20).unwrap();
        assert_eq!(pages.len(), 1 << 20);
        assert!(pages[..100].iter().all(|byte| *byte == 9));
        assert!(pages[100..].iter().all(|byte| *byte == 0));
        pages.resize(50).unwrap();
        assert_eq!(*pages, [9; 50]);
        assert!(pages.resize(usize::MAX / 4).is_err());
        assert_eq!(*pages, [9; 50]);
    }
}
