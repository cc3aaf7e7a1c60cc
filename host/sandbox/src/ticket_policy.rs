//! `guanjia:ticket-policy`: calling it, and its values on the way there and back.

use guanjia_domain::{
    Result,
    values::{Allowed, Candidate, Escalation, Ranked, RecordAnswer, Route, Ticket, TicketAnswer, TicketBatch},
};

use crate::{
    bindings::ticket::{TicketPolicyPluginPre, exports::guanjia::ticket_policy::ticket_policy as wit},
    call::{CallState, Called, run},
    engine::Runtime,
    limits::Limits,
    policy::policy,
    values::{
        all_undecided, column_aids, from_decimal, from_effect, from_problem, from_steps, from_subject_problem,
        from_verdict, to_columns,
    },
};

policy!(TicketPolicy for TicketPolicy as Ticket: TicketPolicyPluginPre<CallState>, guanjia_ticket_policy_ticket_policy, "guanjia:ticket-policy/ticket-policy@1.0.0");

impl TicketPolicy {
    /// As with fees, a batch that cannot be decided at all leaves every ticket undecided.
    fn ask(
        &self,
        runtime: &Runtime,
        limits: &Limits,
        settings: &str,
        batch: &TicketBatch,
    ) -> Result<Called<TicketAnswer>> {
        let tickets = u32::try_from(batch.subjects.len()).unwrap_or(u32::MAX);
        let aids = column_aids(&batch.facts);
        let columns = to_columns(&batch.facts, &aids);
        let posts: Vec<Vec<Vec<&str>>> = batch.subjects.iter().map(posts).collect();
        let candidates: Vec<Vec<wit::Candidate<'_>>> =
            batch.subjects.iter().zip(&posts).map(|(ticket, posts)| candidates(ticket, posts)).collect();
        let asked: Vec<wit::Ticket<'_>> = batch
            .subjects
            .iter()
            .zip(&candidates)
            .map(|(ticket, candidates)| wit::Ticket {
                occasion: &ticket.occasion,
                kind: &ticket.kind,
                category: &ticket.category,
                channel: &ticket.channel,
                words: ticket.words.as_deref(),
                candidates,
            })
            .collect();
        let sent = wit::Batch { tickets: &asked, facts: &columns };
        let called = run(
            runtime,
            &limits.budget(tickets, settings),
            |store| self.pre.instantiate(store),
            |store, plugin| plugin.guanjia_ticket_policy_ticket_policy().call_evaluate(store, settings, sent.clone()),
        )?;
        Ok(called.map(|answer| match answer {
            Ok(answer) => from_answer(answer),
            Err(problem) => all_undecided(tickets, &from_problem(problem)),
        }))
    }
}

fn posts(ticket: &Ticket) -> Vec<Vec<&str>> {
    ticket.candidates.iter().map(|candidate| candidate.posts.iter().map(String::as_str).collect()).collect()
}

fn candidates<'a>(ticket: &Ticket, posts: &'a [Vec<&'a str>]) -> Vec<wit::Candidate<'a>> {
    let sent = |(candidate, posts): (&Candidate, &'a Vec<&'a str>)| wit::Candidate {
        posts,
        skill: candidate.skill,
        on_shift: candidate.on_shift,
        own_area: candidate.own_area,
        load: candidate.load,
        idle_minutes: candidate.idle_minutes,
        had_it: candidate.had_it,
    };
    ticket.candidates.iter().zip(posts).map(sent).collect()
}

fn from_answer(answer: wit::Answer) -> TicketAnswer {
    RecordAnswer {
        verdicts: answer.verdicts.into_iter().map(from_verdict).collect(),
        problems: answer.problems.into_iter().map(from_subject_problem).collect(),
        decided: answer.routes.into_iter().map(from_route).collect(),
        steps: from_steps(answer.steps),
        effects: answer.effects.into_iter().map(from_effect).collect(),
    }
}

fn from_route(route: wit::Route) -> Route {
    let allowed = |time: wit::Allowed| Allowed { minutes: time.minutes, clock: time.clock };
    let ranked = |ranked: wit::Ranked| Ranked {
        candidate: ranked.candidate,
        reason: ranked.reason,
        score: from_decimal(ranked.score),
    };
    Route {
        kind: route.kind,
        priority: route.priority,
        response: route.response.map(allowed),
        solve: route.solve.map(allowed),
        dispatch: route.dispatch,
        ranking: route.ranking.into_iter().map(ranked).collect(),
        escalations: route
            .escalations
            .into_iter()
            .map(|step| Escalation { after: allowed(step.after), level: step.level })
            .collect(),
    }
}
