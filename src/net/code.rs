//! The pages of the library's own code and constants: the system reads them in when they are first
//! used, by a page fault each.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::slice;

use libc::{PF_R, PF_W, PT_LOAD, dl_phdr_info};

use super::pages::PAGE;

/// Reads each page of the program or library that this code is in, so that no order is the first to
/// need one. Of a program that is linked statically that is all of the program.
#[allow(unsafe_code)]
pub fn touch() {
    // SAFETY: the function is called with what it expects (dl_iterate_phdr(3)), and keeps nothing.
    unsafe { libc::dl_iterate_phdr(Some(touch_if_own), ptr::null_mut()) };
}

/// Not 0 ends the walk over the program and its libraries.
#[allow(unsafe_code)]
unsafe extern "C" fn touch_if_own(info: *mut dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
    // SAFETY: the loader lends the record, and the headers that it counts, for this call.
    let (begin, headers) = unsafe {
        let info = &*info;
        let headers = slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum));
        (info.dlpi_addr as usize, headers)
    };
    let segments = headers.iter().filter(|header| header.p_type == PT_LOAD);
    let places = segments.map(|header| {
        let place = begin.wrapping_add(header.p_vaddr as usize);
        (header.p_flags, place..place.wrapping_add(header.p_memsz as usize))
    });
    let here = touch as *const () as usize;
    if !places.clone().any(|(_, place)| place.contains(&here)) {
        return 0;
    }
    // What is written to has its pages since it was relocated, or is not of the code.
    for (_, place) in places.filter(|(flags, _)| flags & (PF_R | PF_W) == PF_R) {
        for page in place.step_by(PAGE) {
            // SAFETY: a byte of a segment that is mapped and may be read. It belongs to the code
            // that runs here, so it stays.
            let _ = unsafe { ptr::read_volatile(page as *const u8) };
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of this program's code in KiB, and how much of it has its pages.
    fn code_kib() -> (u64, u64) {
        let program = std::env::current_exe().unwrap();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut lines = maps.lines();
        let program = program.to_str().unwrap();
        let is_code = |line: &&str| line.contains(" r-xp ") && line.ends_with(program);
        let mut code = (0, 0);
        while lines.find(is_code).is_some() {
            let mut kib = |name| {
                let number = lines.find_map(|line| line.strip_prefix(name)).unwrap();
                number.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
            };
            code = (code.0 + kib("Size:"), code.1 + kib("Rss:"));
        }
        code
    }

    #[test]
    fn all_code_has_its_pages_afterwards() {
        touch();
        let (size, resident) = code_kib();
        assert!(size > 0);
        assert_eq!(resident, size);
    }
}
