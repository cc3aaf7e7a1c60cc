//! The generated exports, and the way between generated types and plain ones: columns are moved, not copied.
#![allow(
    unsafe_code,
    missing_debug_implementations,
    unused_qualifications,
    clippy::all,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::semicolon_if_nothing_returned,
    reason = "most of this module is generated"
)]

use std::marker::PhantomData;

use guanjia_values as values;

pub mod fee {
    wit_bindgen::generate!({
        path: ["../wit/deps/types@1.0.0", "../wit/deps/fee-policy@1.0.0"],
        world: "guanjia:fee-policy/fee-policy-plugin@1.0.0",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "guanjia_plugin_sdk::bindings::fee",
        export_macro_name: "export",
    });
}

pub mod late_fee {
    wit_bindgen::generate!({
        path: ["../wit/deps/types@1.0.0", "../wit/deps/late-fee-policy@1.0.0"],
        world: "guanjia:late-fee-policy/late-fee-policy-plugin@1.0.0",
        with: {
            "guanjia:types/types@1.0.0": crate::bindings::fee::guanjia::types::types,
            "guanjia:types/log@1.0.0": crate::bindings::fee::guanjia::types::log,
        },
        pub_export_macro: true,
        default_bindings_module: "guanjia_plugin_sdk::bindings::late_fee",
        export_macro_name: "export",
    });
}

pub mod ticket {
    wit_bindgen::generate!({
        path: ["../wit/deps/types@1.0.0", "../wit/deps/effects@1.0.0", "../wit/deps/ticket-policy@1.0.0"],
        world: "guanjia:ticket-policy/ticket-policy-plugin@1.0.0",
        with: {
            "guanjia:types/types@1.0.0": crate::bindings::fee::guanjia::types::types,
            "guanjia:types/log@1.0.0": crate::bindings::fee::guanjia::types::log,
            "guanjia:effects/effects@1.0.0": generate,
        },
        pub_export_macro: true,
        default_bindings_module: "guanjia_plugin_sdk::bindings::ticket",
        export_macro_name: "export",
    });
}

use fee::exports::guanjia::fee_policy::fee_policy as fee_wit;
use fee::guanjia::types::{log as log_wit, types as wit};
use late_fee::exports::guanjia::late_fee_policy::late_fee_policy as late_fee_wit;
use ticket::exports::guanjia::ticket_policy::ticket_policy as ticket_wit;
use ticket::guanjia::effects::effects as effects_wit;

/// A line for the host's log.
pub fn log(level: crate::log::Level, line: &str) {
    let level = match level {
        crate::log::Level::Debug => log_wit::Level::Debug,
        crate::log::Level::Info => log_wit::Level::Info,
        crate::log::Level::Warn => log_wit::Level::Warn,
    };
    log_wit::write(level, line);
}

/// The exports of a fee policy.
pub struct Fee<G>(PhantomData<G>);

impl<G: crate::FeeGuest> fee_wit::Guest for Fee<G> {
    fn describe() -> wit::Description {
        description(G::describe())
    }

    fn check_settings(settings: String) -> Vec<wit::Problem> {
        G::check_settings(&settings).into_iter().map(problem).collect()
    }

    fn evaluate(settings: String, batch: fee_wit::Batch) -> Result<fee_wit::Answer, wit::Problem> {
        let batch = values::FeeBatch {
            period: values::Period { start: values::Date(batch.period.start), end: values::Date(batch.period.end) },
            currency: currency(batch.currency),
            subjects: batch.subjects,
            segments: values::Segments {
                subject: batch.segments.subject,
                start: dates(batch.segments.start),
                end: dates(batch.segments.end),
            },
            facts: batch.facts.into_iter().map(column).collect(),
        };
        G::evaluate(&settings, &batch).map(fee_answer).map_err(problem)
    }
}

fn fee_answer(answer: values::FeeAnswer) -> fee_wit::Answer {
    let lines = answer.lines;
    fee_wit::Answer {
        verdicts: answer.verdicts.into_iter().map(verdict).collect(),
        problems: answer.problems.into_iter().map(subject_problem).collect(),
        lines: fee_wit::Lines {
            segment: lines.segment,
            measure: lines.measure,
            quantity: lines.quantity,
            quantity_scale: lines.quantity_scale,
            unit_price: lines.unit_price,
            unit_price_scale: lines.unit_price_scale,
            rounding: lines.rounding.into_iter().map(rounding).collect(),
            amounts: match lines.amounts {
                values::Amounts::Money(money) => fee_wit::Amounts::Money(money),
                values::Amounts::Weights(weights) => fee_wit::Amounts::Weights(weights),
            },
        },
        steps: steps(answer.steps),
    }
}

/// The exports of a late-fee policy.
pub struct LateFee<G>(PhantomData<G>);

impl<G: crate::LateFeeGuest> late_fee_wit::Guest for LateFee<G> {
    fn describe() -> wit::Description {
        description(G::describe())
    }

    fn check_settings(settings: String) -> Vec<wit::Problem> {
        G::check_settings(&settings).into_iter().map(problem).collect()
    }

    fn evaluate(settings: String, batch: late_fee_wit::Batch) -> Result<late_fee_wit::Answer, wit::Problem> {
        let batch = values::LateFeeBatch {
            as_of: values::Date(batch.as_of),
            currency: currency(batch.currency),
            charges: values::OverdueCharges { due_on: dates(batch.charges.due_on), principal: batch.charges.principal },
            balances: values::Balances {
                charge: batch.balances.charge,
                start: dates(batch.balances.start),
                end: dates(batch.balances.end),
                open: batch.balances.open,
            },
            facts: batch.facts.into_iter().map(column).collect(),
        };
        let answer = G::evaluate(&settings, &batch).map_err(problem)?;
        Ok(late_fee_wit::Answer {
            verdicts: answer.verdicts.into_iter().map(verdict).collect(),
            problems: answer.problems.into_iter().map(subject_problem).collect(),
            totals: answer.totals,
            steps: steps(answer.steps),
        })
    }
}

/// The exports of a rule about records.
pub struct Records<G, P>(PhantomData<(G, P)>);

impl<G: crate::PolicyGuest<values::TicketPoint>> ticket_wit::Guest for Records<G, values::TicketPoint> {
    fn describe() -> wit::Description {
        description(G::describe())
    }

    fn check_settings(settings: String) -> Vec<wit::Problem> {
        G::check_settings(&settings).into_iter().map(problem).collect()
    }

    fn evaluate(settings: String, batch: ticket_wit::Batch) -> Result<ticket_wit::Answer, wit::Problem> {
        let batch = values::RecordBatch {
            shared: (),
            subjects: all(batch.tickets, |ticket| values::Ticket {
                occasion: ticket.occasion,
                kind: ticket.kind,
                category: ticket.category,
                channel: ticket.channel,
                words: ticket.words,
                candidates: all(ticket.candidates, |candidate| values::Candidate {
                    posts: candidate.posts,
                    skill: candidate.skill,
                    on_shift: candidate.on_shift,
                    own_area: candidate.own_area,
                    load: candidate.load,
                    idle_minutes: candidate.idle_minutes,
                    had_it: candidate.had_it,
                }),
            }),
            facts: all(batch.facts, column),
        };
        let answer = G::evaluate(&settings, &batch).map_err(problem)?;
        let allowed = |time: values::Allowed| ticket_wit::Allowed { minutes: time.minutes, clock: time.clock };
        Ok(ticket_wit::Answer {
            verdicts: all(answer.verdicts, verdict),
            problems: all(answer.problems, subject_problem),
            routes: all(answer.decided, |route| ticket_wit::Route {
                kind: route.kind,
                priority: route.priority,
                response: route.response.map(allowed),
                solve: route.solve.map(allowed),
                dispatch: route.dispatch,
                ranking: all(route.ranking, |ranked| ticket_wit::Ranked {
                    candidate: ranked.candidate,
                    reason: ranked.reason,
                    score: decimal(ranked.score),
                }),
                escalations: all(route.escalations, |step| ticket_wit::Escalation {
                    after: allowed(step.after),
                    level: step.level,
                }),
            }),
            steps: steps(answer.steps),
            effects: all(answer.effects, effect),
        })
    }
}

fn all<A, B>(list: Vec<A>, one: impl Fn(A) -> B) -> Vec<B> {
    list.into_iter().map(one).collect()
}

fn effect(effect: values::Effect) -> effects_wit::Effect {
    effects_wit::Effect {
        subject: effect.subject,
        kind: effect.kind,
        args: all(effect.args, |arg| effects_wit::Argument {
            name: arg.name,
            value: match arg.value {
                values::EffectValue::Number(number) => effects_wit::Value::Number(decimal(number)),
                values::EffectValue::Code(code) => effects_wit::Value::Code(code),
                values::EffectValue::Date(date) => effects_wit::Value::Date(date.0),
                values::EffectValue::Flag(flag) => effects_wit::Value::Flag(flag),
                values::EffectValue::Money(minor) => effects_wit::Value::Money(minor),
                values::EffectValue::Message(key) => effects_wit::Value::Message(key),
            },
        }),
    }
}

fn decimal(decimal: values::Decimal) -> wit::Decimal {
    wit::Decimal { mantissa: decimal.mantissa, scale: decimal.scale }
}

/// A list of one-field wrappers keeps its allocation.
fn dates(days: Vec<i32>) -> Vec<values::Date> {
    days.into_iter().map(values::Date).collect()
}

fn currency(currency: wit::Currency) -> values::Currency {
    values::Currency { code: currency.code, digits: currency.digits }
}

fn column(column: wit::Column) -> values::Column {
    let cells = match column.cells {
        wit::Cells::Numbers(numbers) => {
            values::Cells::Numbers(values::Numbers { scale: numbers.scale, mantissas: numbers.mantissas })
        }
        wit::Cells::Codes(codes) => values::Cells::Codes(values::Codes { names: codes.names, cells: codes.cells }),
        wit::Cells::Dates(days) => values::Cells::Dates(dates(days)),
        wit::Cells::Flags(flags) => values::Cells::Flags(flags),
    };
    values::Column { cells, missing: column.missing }
}

fn description(description: values::Description) -> wit::Description {
    wit::Description { facts: description.facts, steps: description.steps, measures: description.measures }
}

fn problem(problem: values::Problem) -> wit::Problem {
    wit::Problem { code: problem.code, about: problem.about, args: problem.args.into_iter().map(decimal).collect() }
}

fn subject_problem(entry: values::SubjectProblem) -> wit::SubjectProblem {
    wit::SubjectProblem { subject: entry.subject, problem: problem(entry.problem) }
}

fn verdict(verdict: values::Verdict) -> wit::Verdict {
    match verdict {
        values::Verdict::Decided => wit::Verdict::Decided,
        values::Verdict::Refused => wit::Verdict::Refused,
        values::Verdict::Undecided => wit::Verdict::Undecided,
    }
}

fn rounding(rounding: values::Rounding) -> wit::Rounding {
    match rounding {
        values::Rounding::HalfUp => wit::Rounding::HalfUp,
        values::Rounding::HalfEven => wit::Rounding::HalfEven,
        values::Rounding::Down => wit::Rounding::Down,
        values::Rounding::Up => wit::Rounding::Up,
    }
}

fn steps(steps: values::Steps) -> wit::Steps {
    wit::Steps {
        row: steps.row,
        kind: steps.kind,
        value: steps.value,
        value_scale: steps.value_scale,
        arg_count: steps.arg_count,
        arg: steps.arg,
        arg_scale: steps.arg_scale,
    }
}
