//! The contract as Rust, generated from `plugins/wit`.
wasmtime::component::bindgen!({
    path: "../plugins/wit/0.1.0",
    world: "destination-plugin",
    exports: { default: async },
});

pub(super) use chronicle::backup::types;
