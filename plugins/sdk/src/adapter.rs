//! From the generated bindings to [`Plugin`] and back. Decides nothing.
use crate::bindings::chronicle::backup::types;
use crate::bindings::exports::chronicle::backup::destination as exports;
use crate::{Error, ObjectMeta, Plugin, PutOptions, Reader, Result, Settings, Writer};
use std::cell::RefCell;
use std::marker::PhantomData;

/// A plugin behind the generated exports. Named by [`export!`](crate::export) only.
pub struct Adapter<P>(PhantomData<P>);

/// A store that is open.
pub struct StoreOf<P>(P);

/// A writer, and whether it needs no abort any more.
pub struct WriterOf<P: Plugin>(RefCell<(P::Writer, bool)>);

/// A reader.
pub struct ReaderOf<P: Plugin>(RefCell<P::Reader>);

impl<P: Plugin> exports::Guest for Adapter<P> {
    type Store = StoreOf<P>;
    type Writer = WriterOf<P>;
    type Reader = ReaderOf<P>;

    fn describe() -> types::PluginInfo {
        let about = P::describe();
        let setting = |setting: crate::Setting| types::SettingSpec {
            name: setting.name.to_owned(),
            kind: setting.kind,
            required: setting.required,
            help: setting.help.to_owned(),
        };
        let folder = |folder: crate::Folder| types::FolderWish {
            name: folder.name.to_owned(),
            writable: folder.writable,
            required: folder.required,
            why: folder.why.to_owned(),
        };
        let secret = |secret: crate::SecretWish| types::SecretWish {
            name: secret.name.to_owned(),
            required: secret.required,
            why: secret.why.to_owned(),
        };
        types::PluginInfo {
            name: about.name.to_owned(),
            version: about.version.to_owned(),
            summary: about.summary.to_owned(),
            settings: about.settings.into_iter().map(setting).collect(),
            wishes: types::Wishes {
                network: about.wishes.network,
                secrets: about.wishes.secrets.into_iter().map(secret).collect(),
                folders: about.wishes.folders.into_iter().map(folder).collect(),
                memory_mib: about.wishes.memory_mib,
            },
        }
    }

    fn open(settings: Vec<types::Setting>) -> std::result::Result<exports::Store, types::Error> {
        let settings = settings.into_iter().map(|setting| (setting.name, setting.value)).collect();
        let store = P::open(&Settings(settings)).map_err(error)?;
        Ok(exports::Store::new(StoreOf(store)))
    }
}

impl<P: Plugin> exports::GuestStore for StoreOf<P> {
    fn capabilities(&self) -> types::Capabilities {
        let can = self.0.capabilities();
        let mut features = types::Features::empty();
        if can.create_only {
            features |= types::Features::CREATE_ONLY;
        }
        if can.leftovers {
            features |= types::Features::LEFTOVERS;
        }
        types::Capabilities { features, max_object: can.max_object, max_instances: can.max_instances }
    }

    fn stat(&self, name: String) -> std::result::Result<types::ObjectMeta, types::Error> {
        self.0.stat(&name).map(meta).map_err(error)
    }

    fn list_objects(
        &self,
        prefix: String,
        cursor: Option<String>,
        limit: u32,
    ) -> std::result::Result<types::Page, types::Error> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let page = self.0.list(&prefix, cursor.as_deref(), limit).map_err(error)?;
        Ok(types::Page { objects: page.objects.into_iter().map(meta).collect(), next: page.next })
    }

    fn delete(&self, name: String) -> std::result::Result<(), types::Error> {
        self.0.delete(&name).map_err(error)
    }

    fn put(
        &self,
        name: String,
        options: types::PutOptions,
    ) -> std::result::Result<exports::Writer, types::Error> {
        let options = PutOptions { mode: options.mode, size: options.size, job: options.job };
        let writer = self.0.put(&name, options).map_err(error)?;
        Ok(exports::Writer::new(WriterOf::<P>(RefCell::new((writer, false)))))
    }

    fn get(
        &self,
        name: String,
        offset: u64,
        len: Option<u64>,
    ) -> std::result::Result<exports::Reader, types::Error> {
        let reader = self.0.get(&name, offset, len).map_err(error)?;
        Ok(exports::Reader::new(ReaderOf::<P>(RefCell::new(reader))))
    }

    fn leftovers(&self, prefix: String) -> std::result::Result<Vec<types::Leftover>, types::Error> {
        let found = self.0.leftovers(&prefix).map_err(error)?;
        let leftover =
            |found: crate::Leftover| types::Leftover { id: found.id, job: found.job, size: found.size };
        Ok(found.into_iter().map(leftover).collect())
    }

    fn remove_leftover(&self, id: String) -> std::result::Result<(), types::Error> {
        self.0.remove_leftover(&id).map_err(error)
    }
}

impl<P: Plugin> exports::GuestWriter for WriterOf<P> {
    fn write(&self, chunk: Vec<u8>) -> std::result::Result<(), types::Error> {
        self.0.borrow_mut().0.write(&chunk).map_err(error)
    }

    fn finish(&self) -> std::result::Result<types::ObjectMeta, types::Error> {
        let (writer, is_over) = &mut *self.0.borrow_mut();
        let result: Result<ObjectMeta> = writer.finish();
        *is_over |= result.is_ok();
        result.map(meta).map_err(error)
    }

    fn abort(&self) {
        let (writer, is_over) = &mut *self.0.borrow_mut();
        if !std::mem::replace(is_over, true) {
            writer.abort();
        }
    }
}

impl<P: Plugin> Drop for WriterOf<P> {
    fn drop(&mut self) {
        exports::GuestWriter::abort(self);
    }
}

impl<P: Plugin> exports::GuestReader for ReaderOf<P> {
    fn size(&self) -> u64 {
        self.0.borrow().size()
    }

    fn read(&self, max: u32) -> std::result::Result<Vec<u8>, types::Error> {
        self.0.borrow_mut().read(usize::try_from(max).unwrap_or(usize::MAX)).map_err(error)
    }
}

fn meta(meta: ObjectMeta) -> types::ObjectMeta {
    types::ObjectMeta { name: meta.name, size: meta.size }
}

fn error(error: Error) -> types::Error {
    types::Error {
        kind: error.kind,
        message: error.message,
        retry_after_ms: error.retry_after_ms,
        field: error.field,
    }
}
