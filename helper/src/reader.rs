//! Reads network bytes front to back. It can only hand out what is there, so that an overrun cannot be written.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The bytes ended before the field did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Truncated;

/// A position in some network bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    pub(crate) fn slice(&mut self, len: usize) -> Result<&'a [u8], Truncated> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    /// Everything but the last `len` bytes.
    pub(crate) fn all_but(&mut self, len: usize) -> Result<&'a [u8], Truncated> {
        self.slice(self.0.len().checked_sub(len).ok_or(Truncated)?)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Truncated> {
        self.take().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Truncated> {
        self.take().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Truncated> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn ipv4(&mut self) -> Result<Ipv4Addr, Truncated> {
        self.take::<4>().map(Ipv4Addr::from)
    }

    pub(crate) fn ipv6(&mut self) -> Result<Ipv6Addr, Truncated> {
        self.take::<16>().map(Ipv6Addr::from)
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Golden bytes as people write them.
#[cfg(test)]
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    digits.as_chunks().0.iter().map(|[high, low]| (high << 4 | low) as u8).collect()
}
