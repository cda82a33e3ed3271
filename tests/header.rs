//! The committed header is what the code generates; `UPDATE_HEADER=1` rewrites it.

use std::fs;
use std::path::Path;

#[test]
fn the_committed_header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut generated = Vec::new();
    cbindgen::Builder::new()
        .with_crate(root)
        .with_config(config)
        .generate()
        .expect("the code can be read")
        .write(&mut generated);
    let path = root.join("include/venuepool.h");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read(&path).unwrap();
    assert!(
        committed == generated,
        "include/venuepool.h is not what src/ffi generates; rewrite it by\n  \
         UPDATE_HEADER=1 cargo test --test header"
    );
}
