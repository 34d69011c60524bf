//! Compiles `proto/weir.proto` without `protoc`.
//!
//! Separate by nature: it runs before the crate exists.

fn main() {
    println!("cargo:rerun-if-changed=proto/weir.proto");
    let files = protox::compile(["proto/weir.proto"], ["proto"]).expect("proto/weir.proto is valid");
    prost_build::Config::new().compile_fds(files).expect("cargo gives build scripts a place to write to");
}
