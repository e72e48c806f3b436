//! Holds: points that no prune takes while `holds/<n>` exists. Its content means nothing.
use super::objects::Objects;
use super::verify::Repository;
use crate::destination::{Bytes, ObjectName, PutMode};
use crate::error::{Error, ErrorKind, Result};
use crate::host::random_epoch;
use chronicle_core::backup::repository::{Entry, Inventory, PointNumber, hold_name};
use chronicle_core::ids::Job;
use std::collections::BTreeSet;

/// What a hold says.
pub(super) const HELD: &[u8] = b"held\n";

impl Repository {
    /// Keeps a point from every prune that begins from now on. `NotFound` when there is no such point.
    pub fn hold(&self, point: Entry) -> Result<()> {
        self.expect_point(point)?;
        let name = ObjectName::new(hold_name(point.number))?;
        let options = PutMode::Overwrite.by(Job(random_epoch()?.0));
        self.objects().retry(|destination| destination.put(&name, &Bytes(HELD), options)).map(drop)
    }

    /// Lets prunes take a point again; one that was not on hold is fine. `NotFound` when there is no such point.
    pub fn release(&self, point: Entry) -> Result<()> {
        self.expect_point(point)?;
        self.objects().delete(hold_name(point.number)).map(drop)
    }

    /// Points on hold. Asks for each point, since a listing may be short.
    pub fn held(&self) -> Result<BTreeSet<PointNumber>> {
        let inventory = Inventory::new(self.objects().entries()?);
        held(self.objects(), &inventory)
    }

    fn expect_point(&self, point: Entry) -> Result<()> {
        match self.objects().record_bytes(point)?.filter(|_| point.kind.is_point()) {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::NotFound, "there is no such point; `backup list` lists them")
                .at(point)
                .at(self.place())),
        }
    }
}

/// Which points of `inventory` are on hold.
pub(super) fn held(objects: &Objects, inventory: &Inventory) -> Result<BTreeSet<PointNumber>> {
    let mut held = BTreeSet::new();
    for point in inventory.points() {
        if objects.len_of(hold_name(point.number()))?.is_some() {
            held.insert(point.number());
        }
    }
    Ok(held)
}
