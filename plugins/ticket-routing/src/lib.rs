//! Which ticket goes to whom, how urgent it is, and by when: tables of kinds and categories, urgent words, and a choice of
//! ways to dispatch; see `README.md` for worked examples.

pub mod rules;

pub use rules::TicketRouting;

guanjia_plugin_sdk::export_ticket_policy!(TicketRouting);
