//! Objects to a plugin and back, in chunks, with every claim of the plugin compared to what was asked.
use super::bindings::types;
use super::fault::{Call, Fault};
use super::instance::{Instance, call};
use super::limits::CHUNK_BYTES;
use crate::destination::{Body, Put, PutMode, PutOptions};
use crate::error::Error;
use wasmtime::component::ResourceAny;

/// A read that came out well.
pub(super) struct Read {
    pub(super) bytes: Vec<u8>,
    /// Of the whole object.
    pub(super) size: u64,
}

/// Stores an object, and asks the plugin for it again by its length.
pub(super) async fn put(
    instance: &mut Instance,
    name: &str,
    body: &dyn Body,
    options: PutOptions,
) -> Call<Put> {
    let put_options = types::PutOptions {
        mode: match options.mode {
            PutMode::CreateOnly => types::PutMode::CreateOnly,
            PutMode::Overwrite => types::PutMode::Overwrite,
        },
        size: body.len(),
        job: options.job.to_string(),
    };
    let root = instance.root;
    let started = call!(instance, store.call_put(root, name, &put_options))?;
    let writer = match instance.answered(started) {
        Err(fault) => return already_there(fault, options.mode),
        Ok(writer) => writer,
    };
    let finished = write(instance, writer, body).await;
    if let Err(fault) = &finished
        && !matches!(fault, Fault::Died(_))
    {
        call!(instance, writer.call_abort(writer))?;
    }
    if !matches!(finished, Err(Fault::Died(_))) {
        instance.drop_resource(writer).await?;
    }
    let meta = match finished {
        Err(fault) => return already_there(fault, options.mode),
        Ok(meta) => meta,
    };
    check(&meta, name, body.len(), "said after the put")?;
    let stat = call!(instance, store.call_stat(root, name))?;
    match instance.answered(stat) {
        Ok(meta) => check(&meta, name, body.len(), "has behind the put").map(|()| Put::Written),
        Err(Fault::Answered(error)) if error.kind == types::ErrorKind::NotFound => {
            Err(Fault::broken("an object that was put is not there"))
        }
        Err(fault) => Err(fault),
    }
}

async fn write(instance: &mut Instance, writer: ResourceAny, body: &dyn Body) -> Call<types::ObjectMeta> {
    let len = body.len();
    let mut buffer = vec![0; CHUNK_BYTES.min(usize::try_from(len).unwrap_or(CHUNK_BYTES))];
    let mut done = 0;
    while done < len {
        let step = CHUNK_BYTES.min(usize::try_from(len - done).unwrap_or(CHUNK_BYTES));
        let Some(chunk) = buffer.get_mut(..step) else { break };
        body.read_exact_at(done, chunk).map_err(Fault::Final)?;
        let written = call!(instance, writer.call_write(writer, chunk))?;
        instance.answered(written)?;
        done += step as u64;
    }
    let finished = call!(instance, writer.call_finish(writer))?;
    instance.answered(finished)
}

fn check(meta: &types::ObjectMeta, name: &str, len: u64, what: &str) -> Call<()> {
    if meta.name == name && meta.size == len {
        return Ok(());
    }
    let named = if meta.name == name { String::new() } else { " under another name".to_owned() };
    Err(Fault::broken(format!("it {what} an object of {} bytes{named}, of {len} that were put", meta.size)))
}

/// Create-only, and one is there: an answer, and no failure.
fn already_there(fault: Fault, mode: PutMode) -> Call<Put> {
    match (&fault, mode) {
        (Fault::Answered(error), PutMode::CreateOnly) if error.kind == types::ErrorKind::AlreadyExists => {
            Ok(Put::AlreadyThere)
        }
        _ => Err(fault),
    }
}

/// Reads `len` bytes from `offset` on, or to the end. `check_size` sees the length of the whole object before anything is read.
pub(super) async fn get(
    instance: &mut Instance,
    name: &str,
    offset: u64,
    len: Option<u64>,
    check_size: &(dyn Fn(u64) -> Result<(), Error> + Sync),
) -> Call<Read> {
    let root = instance.root;
    let opened = call!(instance, store.call_get(root, name, offset, len))?;
    let reader = instance.answered(opened)?;
    let read = read(instance, reader, offset, len, check_size).await;
    if !matches!(read, Err(Fault::Died(_))) {
        instance.drop_resource(reader).await?;
    }
    read
}

async fn read(
    instance: &mut Instance,
    reader: ResourceAny,
    offset: u64,
    len: Option<u64>,
    check_size: &(dyn Fn(u64) -> Result<(), Error> + Sync),
) -> Call<Read> {
    let size = call!(instance, reader.call_size(reader))?;
    check_size(size).map_err(Fault::Final)?;
    let wanted = size.saturating_sub(offset).min(len.unwrap_or(u64::MAX));
    let mut bytes = Vec::new();
    loop {
        let left = wanted - bytes.len() as u64;
        // At the end one byte is asked for, so that a plugin that has more is found out.
        let max = u32::try_from(left.clamp(1, CHUNK_BYTES as u64)).unwrap_or(1);
        let chunk = call!(instance, reader.call_read(reader, max))?;
        let chunk = instance.answered(chunk)?;
        if chunk.len() as u64 > left {
            return Err(Fault::broken(format!("it read more bytes than the {wanted} that were asked for")));
        }
        if chunk.is_empty() {
            break;
        }
        bytes.extend_from_slice(&chunk);
    }
    match bytes.len() as u64 == wanted {
        true => Ok(Read { bytes, size }),
        false => Err(Fault::broken(format!("it read {} bytes of {wanted}", bytes.len()))),
    }
}
