//! Components compiled once. A compiled file is machine code: only what this process, or one of the same owner, wrote for
//! exactly this component, compiler and machine is ever loaded; anything else is compiled again.
use super::engine::engine;
use crate::error::{Error, Result};
use crate::files::atomic::write_file_durably;
use chronicle_core::ids::Hash;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use wasmtime::component::Component;

const HASH_BYTES: usize = 32;

/// The component of these bytes: from `folder` when it is there, compiled and left there otherwise. A folder that can't be
/// written to costs the time of compiling, and nothing else.
pub(super) fn component(wasm: &[u8], folder: &Path) -> Result<Component> {
    let path = folder.join(file_name(wasm)?);
    if let Some(component) = load(&path) {
        return Ok(component);
    }
    let component = compile(wasm)?;
    if let Ok(code) = component.serialize() {
        let mut file = Hash::of(&code).0.to_vec();
        file.extend_from_slice(&code);
        let _ = write_file_durably(&path, &file);
    }
    Ok(component)
}

/// Compiles without a cache.
pub(super) fn compile(wasm: &[u8]) -> Result<Component> {
    if !is_component(wasm) {
        return Err(Error::invalid(
            "this is no WASM component (a Rust plugin is built with --target wasm32-wasip2): see plugins/README.md",
        ));
    }
    Component::new(engine()?, wasm)
        .map_err(|error| Error::invalid(format!("this WASM component can't be compiled: {error:#}")))
}

/// The eight bytes that a component begins with; those of a module and of text differ.
fn is_component(wasm: &[u8]) -> bool {
    wasm.starts_with(b"\0asm\x0d\0\x01\0")
}

/// Names the component, the compiler with its settings and the machine.
fn file_name(wasm: &[u8]) -> Result<PathBuf> {
    let mut machine = DefaultHasher::new();
    std::hash::Hash::hash(&engine()?.precompile_compatibility_hash(), &mut machine);
    let hex: String = Hash::of(wasm).0.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{hex}-{:016x}.cwasm", machine.finish()).into())
}

fn load(path: &Path) -> Option<Component> {
    if !is_ours(path) {
        return None;
    }
    let file = std::fs::read(path).ok()?;
    let (hash, code) = file.split_at_checked(HASH_BYTES)?;
    if Hash::of(code).0 != hash {
        return None;
    }
    let engine = engine().ok()?;
    // SAFETY: the file was written by this program for this user, nobody else may write it or beside it (`is_ours`), and
    // its bytes are those that `serialize` gave (the hash).
    unsafe { Component::deserialize(engine, code) }.ok()
}

/// Whether nobody but this user or root can have written the file.
#[cfg(unix)]
fn is_ours(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid().as_raw();
    let safe = |path: &Path| {
        std::fs::symlink_metadata(path).is_ok_and(|about| {
            (about.uid() == user || about.uid() == 0) && about.mode() & 0o022 == 0 && !about.is_symlink()
        })
    };
    safe(path) && path.parent().is_some_and(safe)
}

/// Where that can't be told, nothing is loaded.
#[cfg(not(unix))]
fn is_ours(_: &Path) -> bool {
    false
}
