//! Billing runs: what the units of a project owe for a period.
//!
//! A run is **computed** by plug-ins page by page, each page leaving decisions; it is **previewed** with totals and held
//! subjects; a second person **approves**; **posting** turns the recorded decisions into charges and journal transfers
//! without asking a plug-in again, so that what was approved is what is posted.
//!
//! What is posted is corrected by a run of its own, a **re-rating**: it asks the rule of today the recorded questions and
//! proposes, where something else comes out, to take the posted lines back beside the new ones.

mod batch;
mod check;
mod explain;
mod lines;
mod rerate;
mod run;
mod segments;
mod service;

pub use batch::{ItemTerms, PreparedBatch, pick, prepare};
pub use check::{AnswerLimits, check_answer};
pub(crate) use check::{check_steps, check_verdicts, same_value};
pub use explain::{ExplainedStep, LineExplanation, explain_line, explain_row, render_problem, render_template};
pub(crate) use explain::{allocated_step, explain_hold, problem_sentence};
pub use lines::{PostedLine, ResolvedLine, ReversedLine, charge_id, resolve_lines};
pub use rerate::SHARED_COST;
pub use run::{BillingRun, HeldCount, HeldFilter, HeldSubject, RunState, RunTotal};
pub use segments::{AssignedItem, Holder, SegmentPlan, UnitSource, plan_segments};
pub use service::{
    Adjustment, BATCH_SUBJECTS, Billing, ChargeExplanation, Comparison, ComparisonRow, FactValue, HELD_GROUPS_MAX,
    HeldGroup, HeldView, LineAdjustment, LineFilter, LineList, LineView, NO_BINDING, Progress, ReplayDifference,
    ReplayReport, ReplaySample, RunProgress, SAMPLE_DECISIONS,
};
