//! Which processes over one data directory are alive: each holds a locked file, and the system lets go of the lock however
//! the process ends. A job whose worker is known to be dead is taken over at once; a lease has to run out only for workers
//! of other machines.

use guanjia_domain::{Error, Result, ports::Directory};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

/// The folder of the marks, within the data directory.
const FOLDER: &str = "workers";
/// The ending of a mark whose lock is held from its first moment on.
const MARK: &str = "alive";

/// The mark of this process, there until it is dropped.
#[derive(Debug)]
pub struct Presence {
    folder: PathBuf,
    name: String,
    /// Never read: it carries the lock.
    _lock: File,
}

impl Presence {
    /// Leaves the mark of this process.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be made or locked.
    pub fn announce(data_dir: &Path) -> Result<Self> {
        let folder = data_dir.join(FOLDER);
        let failed =
            |error| Error::unavailable(format!("marking this process as alive in {}", folder.display()), error);
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let name = uuid::Uuid::now_v7().to_string();
        // Locked before it has its name, so that nobody can find it unlocked.
        let unnamed = folder.join(&name);
        let lock = File::create_new(&unnamed).map_err(failed)?;
        lock.lock().map_err(failed)?;
        std::fs::rename(&unnamed, mark(&folder, &name)).map_err(failed)?;
        Ok(Self { folder, name, _lock: lock })
    }

    /// The name under which this process claims jobs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives back the jobs of dead processes of this data directory.
    ///
    /// # Errors
    /// When the database fails. A mark that cannot be read is left to the lease.
    pub async fn release_the_dead(&self, directory: &dyn Directory) -> Result<()> {
        for name in self.dead() {
            directory.release_jobs(&name).await?;
            let _ = std::fs::remove_file(mark(&self.folder, &name));
        }
        Ok(())
    }

    fn dead(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                if path.extension()? != MARK {
                    return None;
                }
                let name = path.file_stem()?.to_str()?.to_owned();
                let unlocked = match File::open(&path).ok()?.try_lock() {
                    Ok(()) => true,
                    Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
                };
                (unlocked && name != self.name).then_some(name)
            })
            .collect()
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(mark(&self.folder, &self.name));
    }
}

fn mark(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).with_extension(MARK)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use super::*;

    #[test]
    fn only_marks_without_a_holder_are_dead() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (Presence::announce(folder.path()).unwrap(), Presence::announce(folder.path()).unwrap());
        assert!(own.dead().is_empty());
        std::fs::write(mark(&own.folder, "killed"), "").unwrap();
        std::fs::write(own.folder.join("not-yet-named"), "").unwrap();
        assert_eq!(own.dead(), ["killed"]);
        drop(other);
        assert_eq!(own.dead(), ["killed"], "whoever ends by itself leaves no mark");
    }
}
