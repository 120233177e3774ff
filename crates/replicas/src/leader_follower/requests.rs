//! Clients' requests at the leader: reads from what it has flushed, writes that become entries of the log.

use super::{LeaderFollower, Role};
use crate::command::{execute, read};
use crate::dedupe::Seen;
use crate::log::LogEntry;
use crate::turn::Turn;
use crate::{Applied, BatchNumber, ClientId, Configuration, Fault, Level, Refusal, Reply, Request};

impl LeaderFollower {
    pub(crate) fn handle_request(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: ClientId,
        request: Request,
    ) -> Result<(), Fault> {
        let members = configuration.size();
        let refusal = match &self.role {
            Role::Leader(leading) if leading.waits_for(request.id) => return Ok(()),
            Role::Leader(leading) if leading.is_full() => Some(Refusal::Overloaded),
            Role::Leader(_) => request.level.check(Level { read: members, write: members }).err(),
            _ => {
                let leader = configuration.leader.filter(|leader| *leader != turn.node);
                Some(Refusal::NotLeader { leader })
            }
        };
        let refusal = match refusal {
            Some(refusal) => Some(refusal),
            None if request.command.is_read() => {
                self.read(turn, configuration, from, request.clone())?;
                None
            }
            None => self.write(turn, configuration, from, request.clone())?,
        };
        if let Some(refusal) = refusal {
            turn.refuse(from, &request, configuration, refusal);
        }
        Ok(())
    }

    fn read(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: ClientId,
        request: Request,
    ) -> Result<(), Fault> {
        let reply = read(&self.partition, turn, configuration, &request)?;
        let end = self.log.end.index;
        let Role::Leader(leading) = &mut self.role else { return Ok(()) };
        let confirm = request.level.read > 1;
        leading.wait(turn, configuration, from, request, reply, end, confirm);
        if confirm {
            leading.beat(turn, configuration, &self.log)?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: ClientId,
        request: Request,
    ) -> Result<Option<Refusal>, Fault> {
        let applied = match self.dedupe.seen(turn, request.id)? {
            Seen::Superseded => return Ok(Some(Refusal::Superseded)),
            // Applied before, perhaps under another leader: acknowledged when its entry is where it has to be.
            Seen::Applied(applied) => applied,
            Seen::New => {
                let executed = match execute(&mut self.partition, turn, configuration, &request)? {
                    Ok(executed) => executed,
                    Err(refusal) => return Ok(Some(refusal)),
                };
                let index = self.log.end.index + 1;
                let entry = LogEntry {
                    epoch: configuration.epoch,
                    request: Some(request.id),
                    delta: executed.delta,
                    value: executed.value,
                    changed: executed.changed,
                };
                let applied = entry.applied(index).expect("the entry has a request");
                self.append(turn, configuration, entry)?;
                applied.1
            }
        };
        let index = applied.index;
        let context = crate::Context::after_write(&request, &applied, self.partition.stamps().last());
        let Applied { value, changed, events, .. } = applied;
        let reply = Reply { value, context, changed, events, ..Reply::default() };
        let Role::Leader(leading) = &mut self.role else { return Ok(None) };
        // An entry of an older leader is safe only together with one of this epoch.
        let index = index.max(leading.first);
        leading.wait(turn, configuration, from, request, reply, index, false);
        Ok(None)
    }

    /// Puts an entry of this leader at the end of the log and ships it.
    pub(super) fn append(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        entry: LogEntry,
    ) -> Result<(), Fault> {
        self.log.push(turn, &entry);
        if let Some((client, applied)) = entry.applied(self.log.end.index) {
            self.dedupe.record(turn, client, &applied);
        }
        let reserved = self.partition.reserve();
        self.save(turn);
        let Role::Leader(leading) = &mut self.role else { return Ok(()) };
        leading.ship(turn, configuration, &self.log, reserved)
    }

    pub(crate) fn handle_flushed(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        up_to: BatchNumber,
    ) -> Result<(), Fault> {
        if let Role::Leader(leading) = &mut self.role {
            leading.handle_flushed(turn, configuration, up_to);
        }
        Ok(())
    }
}
