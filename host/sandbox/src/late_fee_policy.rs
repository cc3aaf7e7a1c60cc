//! `guanjia:late-fee-policy`: calling it, and its values on the way there and back.

use guanjia_domain::{
    Result,
    values::{LateFeeAnswer, LateFeeBatch, Problem, Steps, SubjectProblem, Verdict},
};

use crate::{
    bindings::{
        late_fee::{LateFeePolicyPluginPre, exports::guanjia::late_fee_policy::late_fee_policy as wit},
        types,
    },
    call::{CallState, Called, run},
    engine::Runtime,
    limits::Limits,
    policy::policy,
    values::{column_aids, days, from_problem, from_steps, from_subject_problem, from_verdict, to_columns},
};

policy!(LateFeePolicy for LateFeePolicy as LateFee: LateFeePolicyPluginPre<CallState>, guanjia_late_fee_policy_late_fee_policy, "guanjia:late-fee-policy/late-fee-policy@1.0.0");

impl LateFeePolicy {
    /// As with fees, a batch that cannot be decided at all leaves every charge undecided.
    fn ask(
        &self,
        runtime: &Runtime,
        limits: &Limits,
        settings: &str,
        batch: &LateFeeBatch,
    ) -> Result<Called<LateFeeAnswer>> {
        let charges = u32::try_from(batch.charges.due_on.len()).unwrap_or(u32::MAX);
        let due_on = days(&batch.charges.due_on);
        let (start, end) = (days(&batch.balances.start), days(&batch.balances.end));
        let aids = column_aids(&batch.facts);
        let columns = to_columns(&batch.facts, &aids);
        let sent = wit::Batch {
            as_of: batch.as_of.0,
            currency: types::Currency { code: &batch.currency.code, digits: batch.currency.digits },
            charges: wit::Charges { due_on: &due_on, principal: &batch.charges.principal },
            balances: wit::Balances {
                charge: &batch.balances.charge,
                start: &start,
                end: &end,
                open: &batch.balances.open,
            },
            facts: &columns,
        };
        let called = run(
            runtime,
            &limits.budget(charges, settings),
            |store| self.pre.instantiate(store),
            |store, plugin| {
                plugin.guanjia_late_fee_policy_late_fee_policy().call_evaluate(store, settings, sent.clone())
            },
        )?;
        Ok(called.map(|answer| match answer {
            Ok(answer) => from_answer(answer),
            Err(problem) => all_undecided(charges, &from_problem(problem)),
        }))
    }
}

fn from_answer(answer: wit::Answer) -> LateFeeAnswer {
    LateFeeAnswer {
        verdicts: answer.verdicts.into_iter().map(from_verdict).collect(),
        problems: answer.problems.into_iter().map(from_subject_problem).collect(),
        totals: answer.totals,
        steps: from_steps(answer.steps),
    }
}

fn all_undecided(charges: u32, problem: &Problem) -> LateFeeAnswer {
    let problems = (0..charges).map(|subject| SubjectProblem { subject, problem: problem.clone() }).collect();
    LateFeeAnswer {
        verdicts: vec![Verdict::Undecided; charges as usize],
        problems,
        totals: vec![0; charges as usize],
        steps: Steps::default(),
    }
}
