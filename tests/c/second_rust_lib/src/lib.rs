//! A stranger's Rust library: it panics, unwinds and catches that, in the same program as ours.

use std::panic::catch_unwind;

/// Panics within; answers 1 when the panic was caught.
#[unsafe(no_mangle)]
pub extern "C" fn second_catches_a_panic(index: usize) -> i32 {
    let caught = catch_unwind(|| {
        let text: Vec<String> = vec![index.to_string()];
        text[index + 1].len()
    });
    i32::from(caught.is_err())
}
