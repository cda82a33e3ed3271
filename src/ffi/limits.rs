//! Configuration, continued: how large and how many things may become.

use super::config::{configure, size, switch, vp_config};
use crate::error::Status;

/// Sets the largest size of a request, head and body together, 1 KiB to 64 MiB; 64 KiB by default.
/// A request object allocates this memory once, when it is made.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_request_capacity(
    config: *mut vp_config,
    bytes: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_request_capacity", |config| {
            config.set_request_capacity(size(bytes)?)
        })
    }
}

/// Sets the initial size of a response buffer, 1 KiB to 64 MiB; 64 KiB by default. The buffer grows
/// as needed. This size is reserved; what no response has used takes no memory.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_response_capacity(
    config: *mut vp_config,
    bytes: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_response_capacity", |config| {
            config.set_response_capacity(size(bytes)?)
        })
    }
}

/// Sets the largest body of a response, 1 byte to 1 GiB, or 0 for any length; 16 MiB by default. A
/// response takes memory as its bytes arrive, at most twice their size, whatever length it
/// announces. Without memory the exchange ends as OUT_OF_MEMORY. Note that Linux often kills a
/// process before it refuses memory.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_body_size(config: *mut vp_config, bytes: u64) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_body_size", |config| {
            config.set_max_body_size(size(bytes)?)
        })
    }
}

/// Sets the largest head of a response, 1 KiB to 1 MiB; 32 KiB by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_head_size(config: *mut vp_config, bytes: u64) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_head_size", |config| {
            config.set_max_head_size(size(bytes)?)
        })
    }
}

/// Sets the largest number of header fields in a response, 1 to 256; 128 by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_headers(config: *mut vp_config, count: u32) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_headers", |config| {
            config.set_max_headers(count as usize)
        })
    }
}

/// Sets how many interim (1xx) responses may come before the final one, 0 to 1000; 16 by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_interim(config: *mut vp_config, count: u32) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_interim", |config| {
            config.set_max_interim(count as usize)
        })
    }
}

/// Sets the largest size of a chunk size line with its extensions, 32 bytes to 1 MiB; 8 KiB by
/// default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_chunk_line(
    config: *mut vp_config,
    bytes: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_chunk_line", |config| {
            config.set_max_chunk_line(size(bytes)?)
        })
    }
}

/// Sets by how many bytes all chunk framing of a response may exceed its body, 32 bytes to 64 MiB;
/// 16 KiB by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_chunk_overhead(
    config: *mut vp_config,
    bytes: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_chunk_overhead", |config| {
            config.set_max_chunk_overhead(size(bytes)?)
        })
    }
}

/// Sets the largest size of all trailer fields together, 0 bytes to 1 MiB; 16 KiB by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_trailer_size(
    config: *mut vp_config,
    bytes: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_trailer_size", |config| {
            config.set_max_trailer_size(size(bytes)?)
        })
    }
}

/// Sets how many requests without a callback may be accepted and not yet polled, 1 to 1,048,576;
/// 4096 by default. Each takes 120 bytes, which are reserved when the pool is opened, and take
/// memory when as many wait to be polled.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_completion_capacity(
    config: *mut vp_config,
    count: u32,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_completion_capacity", |config| {
            config.set_completion_capacity(count as usize)
        })
    }
}

/// Takes the memory that orders use when the pool is opened, and keeps it (on when not 0; off by
/// default). So the first orders have no page faults, nor has an order after a large answer. Each
/// slot then takes two buffers of `vp_config_set_response_capacity`, and 36 KiB. Each pool takes 16
/// more such buffers, and its completion queue (480 KiB). The code of the library is read in, too.
/// The stack and the heap of the engine's threads are its own to prefault. See docs/tuning.md.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_prefault(config: *mut vp_config, on: i32) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_prefault(on != 0)) }
}

/// Sets how many requests may wait in each lane of the queue for a slot, 1 to 1,048,576; 1024 by
/// default. Callers of `vp_pool_acquire` count as orders.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_waiting_capacity(
    config: *mut vp_config,
    count: u32,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_waiting_capacity", |config| {
            config.set_waiting_capacity(count as usize)
        })
    }
}
