//! What a host and its compile worker say to each other, once in each direction.

use guanjia_domain::plugin::Tier;

/// First bytes of a job: what it is, and the layout of what follows.
const MAGIC: [u8; 8] = *b"GJBUILD2";
/// Magic, tier, engine, memory, processor time, length of the component.
pub(super) const HEADER_BYTES: usize = 48;

/// Under which conditions a component is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// Whose switches the code is compiled with.
    pub tier: Tier,
    /// The engine that will run the code.
    pub engine: u64,
    pub memory_bytes: u64,
    pub processor_seconds: u64,
}

impl Job {
    pub(super) fn header(&self, component_bytes: usize) -> Vec<u8> {
        let length = u64::try_from(component_bytes).expect("a length fits 64 bits");
        let numbers = [tier_number(self.tier), self.engine, self.memory_bytes, self.processor_seconds, length];
        let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
        MAGIC.into_iter().chain(numbers).collect()
    }

    /// The job and the length of its component.
    pub(super) fn read(header: &[u8; HEADER_BYTES]) -> Option<(Self, u64)> {
        let numbers = header.strip_prefix(&MAGIC)?;
        let (numbers, []) = numbers.as_chunks::<8>() else { return None };
        let [tier, engine, memory_bytes, processor_seconds, length] = numbers else { return None };
        let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        let job = Self {
            tier: Tier::ALL.iter().copied().find(|known| tier_number(*known) == number(tier))?,
            engine: number(engine),
            memory_bytes: number(memory_bytes),
            processor_seconds: number(processor_seconds),
        };
        Some((job, number(length)))
    }
}

fn tier_number(tier: Tier) -> u64 {
    match tier {
        Tier::Pure => 0,
        Tier::WithRuntime => 1,
    }
}

/// What a worker answers: one byte that says what it is, and the rest.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Code {
        float_free: bool,
        code: Vec<u8>,
    },
    /// The component is at fault.
    Refused(String),
    /// Worker and host are of different builds.
    OtherEngine,
}

const CODE: u8 = 1;
const FLOAT_FREE_CODE: u8 = 2;
const REFUSED: u8 = 3;
const OTHER_ENGINE: u8 = 4;

impl Reply {
    pub(super) fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::Code { float_free: false, code } => (CODE, code),
            Self::Code { float_free: true, code } => (FLOAT_FREE_CODE, code),
            Self::Refused(sentence) => (REFUSED, sentence.as_bytes()),
            Self::OtherEngine => (OTHER_ENGINE, &[]),
        }
    }

    pub(super) fn read(mut bytes: Vec<u8>) -> Option<Self> {
        let kind = *bytes.first()?;
        bytes.remove(0);
        match kind {
            CODE | FLOAT_FREE_CODE => Some(Self::Code { float_free: kind == FLOAT_FREE_CODE, code: bytes }),
            REFUSED => Some(Self::Refused(String::from_utf8(bytes).ok()?)),
            OTHER_ENGINE if bytes.is_empty() => Some(Self::OtherEngine),
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_job_arrives_as_it_was_sent() {
        for tier in Tier::ALL {
            let job = Job { tier: *tier, engine: u64::MAX, memory_bytes: 1 << 30, processor_seconds: 30 };
            let mut header: [u8; HEADER_BYTES] = job.header(4_096).try_into().unwrap();
            assert_eq!(Job::read(&header), Some((job, 4_096)));
            header[0] ^= 1;
            assert_eq!(Job::read(&header), None);
            header[0] ^= 1;
            header[MAGIC.len()] = 9;
            assert_eq!(Job::read(&header), None, "no such tier");
        }
    }

    #[test]
    fn a_reply_arrives_as_it_was_sent() {
        for reply in [
            Reply::Code { float_free: true, code: b"code".to_vec() },
            Reply::Code { float_free: false, code: Vec::new() },
            Reply::Refused("面积".to_owned()),
            Reply::OtherEngine,
        ] {
            let (kind, rest) = reply.parts();
            assert_eq!(Reply::read([&[kind], rest].concat()), Some(reply));
        }
        for noise in [b"".as_slice(), b"hello", &[REFUSED, 0xff], &[OTHER_ENGINE, 0]] {
            assert_eq!(Reply::read(noise.to_vec()), None);
        }
    }
}
