## Frame

app = Guanjia
logo = 管
skip = Skip to content
nav = Navigation
nav-today = Today
nav-units = Units
nav-billing = Billing
nav-import = Import
nav-plugins = Plug-ins
nav-trials = Trials
nav-audit = Audit
nav-me = Me
nav-rules = Rules
nav-office = Office
search = Search
search-hint = Search number · name · phone · plate
search-hint-places = Search number · plate
other-language = 中文
more = More
older = Older
month = { $year }-{ $month }
from-to = { $from } to { $to }
building = Building { $name }
square-metres = { $area } m²
developer = Developer
missing = missing
project = Project
month-label = Month
state = State
lines = Lines
total = Total
held = Held
unit = Unit
owner = Owner
kind = Kind
area = Floor area
occupancy = Occupancy
fee-item = Fee item
fee-items = Fee items
payer = Payer
amount = Amount
quantity = Quantity
unit-price = Unit price
reason = Reason
why = Why
version = Version
publisher = Publisher
signature = Signature
signed-by = Signed by
signer-unknown = unknown key
signature-trusted = Trusted
signature-unknown-key = Unknown key
signature-unsigned = Not signed
settings = Settings
time = Time
who = Who
what = What
number = No.
hash = Hash
detail = Detail
sheet = Sheet
row = Row
column = Column
cell-value = Value
default = default
required = required
created-by = Made by
building-label = Building
previous = Previous
this-time = This period
difference = Difference
export-do = Export workbook
api-docs = API reference
logout = Log out

## Login

login-title = Log in
login-company = Company
login-name = User name
login-password = Password
login-do = Log in
login-failed = Company, user name or password is wrong. Try again.

## Today

home-empty = There is no project yet.
home-empty-help = Import a project's workbook first; then it can be billed.
home-waiting =
    { $count ->
        [0] Nothing is waiting.
        [one] One thing is waiting.
       *[other] { $count } things are waiting.
    }
home-waiting-title = Waiting
home-missing-months =
    { $count ->
        [0] Every month is posted.
        [one] One month is not posted.
       *[other] { $count } months are not posted.
    }
home-never-billed = Never billed yet.
held-count =
    { $count ->
        [one] One subject held
       *[other] { $shown } subjects held
    }

## Units

units-sub = In the order of building, entrance and number
units-empty = No units yet. They appear here once a workbook is imported.
units-none-found = Nothing found. Try part of the number, such as 6-1, or the owner's family name.
units-none-found-places = Nothing found. Try part of the number, such as 6-1, or a plate.
unit-building = Building
unit-entrance = Entrance
unit-storey = Storey
unit-area = Gross floor area
unit-internal-area = Internal area
unit-rent = Rent
unit-layout = Layout
tenures = Owners and residents
tenure-owner = Owner
tenure-family-member = Family
tenure-lessee = Tenant
tenure-temporary = Temporary
vehicles = Vehicles
meters = Meters
meter-read = Read on { $date }
meter-unread = Not read yet
fee-assignments = Fee assignments
span-always = Always
span-since = Since { $from }
span-until = Until { $to }
owner-none = No owner on record.
names-masked = Names are masked; seeing them takes the permission to read personal data.
facts = Facts
charges = Charges
charges-empty = Nothing is posted yet.
charges-hidden = Your role does not see charges.
fee-items-sub = latest period
unit-kind-residential = Home
unit-kind-office = Office
unit-kind-shop = Shop
unit-kind-parking-space = Parking space
unit-kind-storage = Storage
occupancy-occupied = Occupied
occupancy-vacant = Vacant
occupancy-unsold = Unsold

## Billing

runs-title = Runs
runs-empty = No runs yet. Choose a month and preview it.
runs-all-billed = Everything up to this month is posted.
runs-missing =
    { $count ->
        [one] { $first } is not posted.
       *[other] { $count } months since { $first } are not posted.
    }
runs-choose-month = Month
runs-preview = Preview this month
runs-preview-help = Only computes and posts nothing; may be repeated.
runs-preview-month = Preview { $month }
run-title = Charges of { $month }
run-state-computing = Computing
run-state-previewed = To be approved
run-state-approved = To be posted
run-state-posting = Posting
run-state-posted = Posted
run-state-cancelled = Cancelled
run-next-computing = Follow
run-next-previewed = Approve
run-next-approved = Post
run-next-posting = Follow
run-headline-computing = Computing; the amounts come when it is done.
run-headline-previewed = { $shown } lines, { $total }; somebody other than { $maker } has to approve.
run-headline-approved = { $shown } lines, { $total }; approved and waiting to be posted.
run-headline-posting = Posting { $shown } lines, { $total }.
run-headline-posted = { $shown } lines posted, { $total }.
run-headline-cancelled = Cancelled; nothing was posted.
run-created = Previewed by { $who }, { $at }
run-approved = Approved by { $who }, { $at }
run-posted = Posted by { $who }, { $at }
run-failed = The work stopped; what was done is kept. Go on with it. Reason:
figure-total = Total due
figure-before = before { $amount }
figure-difference = Difference
figure-lines = Lines
figure-posted = { $shown } posted
figure-held = Held
figure-held-none = nothing held
figure-held-some = the rest is not affected
held-banner =
    { $count ->
        [one] One subject is held; the rest is not affected.
       *[other] { $shown } subjects are held; the rest is not affected.
    }
held-look = See held
totals-title = By fee item and building
totals-previous = against
totals-beyond =
    { $count ->
        [one] One more building, which changed less: show all
       *[other] { $count } more buildings, which changed less: show all
    }
totals-no-previous = nothing earlier is posted
all-buildings = All
largest-title = Largest lines
largest-none = No lines yet.
largest-too-many = Too many lines to rank here; look by fee item or building.
lines-all = All lines
lines-title = Lines of { $month }
lines-none = No lines here.
back-to-run = Back to the run
approve-do = Approve…
approve-help = Once approved the amounts do not change and can be posted.
approve-with-figures = Approve { $shown } lines, { $total }
post-do = Post…
post-help = Posting writes charges and journal entries; they can be reversed, never edited.
post-with-figures = Post { $shown } lines, { $total }
cancel-do = Cancel this run
cancel-help = Nothing will be posted; what was computed is kept on file.
resume-do = Go on
again-do = Preview again
progress-waiting = Waiting to start
progress-checking = Compiling and checking
progress-computing = Computing
progress-posting = Posting
progress-help = You may leave this page; the work goes on.

## Held

held-title = Held in { $month }
held-headline =
    { $count ->
        [one] One subject has no charge
       *[other] { $shown } subjects have no charge
    }; mend the cause and preview again: only what is missing is charged.
held-none = Nothing is held; everything was computed.
held-again = Preview again
held-beyond = { $count } more have reasons of their own, which are not told apart above.
held-by-reason = By reason
held-subjects = Subjects
held-list = List
held-list-all = all
held-list-show-all = show all
held-list-none = Nothing is held for this reason.
held-detail = Technical detail
hold-policy-error = Rule could not decide
hold-trap = Plug-in broke
hold-limit = Over a limit
hold-invalid-output = Answer not credible
hold-quarantined = Plug-in quarantined

## Line

why-title = – how it came about
steps = Steps
replayable = replayable
due-this-period = Due this period
not-posted = not posted
rule = Rule
effective-since = in force since
decision = Decision
engine = Engine
facts-seen = Facts it saw
facts-none = It reads no facts.
settings-none = No settings.
replay-do = Replay
proof-do = Proof file
replay-help = Runs the same rule, settings and facts again and compares bit for bit.
replay-identical = Replayed: identical, bit for bit.
replay-different = Replayed: different.
value-true = yes
value-false = no
value-residential = home
value-office = office
value-shop = shop
value-parking-space = parking space
value-storage = storage
value-occupied = occupied
value-vacant = vacant
value-unsold = unsold
value-sold = sold
value-leased = leased
value-none = none

## Re-rating

rerate-of = Correction of { $item }
rerate-offer = Months that another rule has charged
rerate-months =
    { $count ->
        [one] { $months } was charged by another rule, though this one holds for it.
       *[other] { $count } months were charged by another rule, though this one holds for them: { $months }.
    }
rerate-from = From
rerate-to = To
rerate-do = Re-rate these months
rerate-help = Proposes the differences only: a second person approves them before anything is posted.
rerate-no-item = This rule answers for no fee item
rerate-title = What the correction changes
rerate-before = Charged before
rerate-after = Charged now
rerate-reversal = Taken back
rerate-charged = Charged instead
rerate-look = See that line
rerate-takes-back = This line takes a posted one back: the steps below are those that it came of, and its amount is the opposite.
rerate-reversed-by = A correction has taken this line back.
rerate-net = Net difference
rerate-stands = posted { $amount }
rerate-changed = Units that change
rerate-up-down = { $up } up · { $down } down
rerate-unchanged = Unchanged
rerate-lines = { $shown } lines in the run
rerate-held-some = they keep what was charged
rerate-totals = with this correction, against what is posted
rerate-largest = Largest changes
rerate-none = Nothing comes out otherwise: there is nothing to correct.
rerate-headline-computing = Computing; the differences come when it is done.
rerate-headline-previewed = { $count ->
        [0] No unit owes another amount.
        [one] One unit owes another amount, { $total } altogether; somebody other than { $maker } has to approve.
       *[other] { $shown } units owe another amount, { $total } altogether; somebody other than { $maker } has to approve.
    }
rerate-headline-approved = { $shown } units owe another amount, { $total } altogether; approved and waiting to be posted.
rerate-headline-posting = Posting the correction of { $shown } units, { $total } altogether.
rerate-headline-posted = { $shown } units corrected, { $total } altogether.
rerate-headline-cancelled = Cancelled; nothing was corrected.

## Plug-ins

plugin = Plug-in
plugins-sub = Rules are computed by plug-ins in a sandbox; they cannot change records.
plugins-empty = No plug-in is installed.
arithmetic = Arithmetic
float-free = no floating point
has-floats = has floating point
runtime = Runtime
runtime-pure = pure
runtime-virtual-wasi = virtual WASI
install-title = Install a plug-in
install-file = Component file
install-do = Check and install
install-reference = Install from a registry
install-pull = Fetch, check and install
fault-registry-not-allowed = Nothing is fetched from this registry
fault-registry-not-allowed-help = Whoever runs the host allows registries (serve --registry). You can also upload the file.
fault-registry-denied = The registry did not let us in
fault-registry-denied-help = Ask whoever runs the host for access to this registry, or upload the file.
install-help = Type, manifest and golden cases are checked first.
install-background = It brings the runtime of its language and takes a while to compile; it is installed once it passes all checks.
install-open = Being checked
install-stop = Stop
install-failed = It is not installed. Why:
install-state-ready = Waiting
install-state-running = Being checked
install-state-done = Installed
install-state-failed = Refused
install-state-cancelled = Stopped
plugin-reads = It sees these facts and nothing else:
fact-unknown = this host lacks the fact
plugin-about = About
identifier = Identifier
size = Size
digest = Digest
settings-schema = What can be set
bindings = Where it is enabled
bindings-empty = Not enabled anywhere yet.
effective = In force
open-ended = open
mode = Mode
mode-trial = Trial
mode-shadow = Shadow
mode-active = Active
point-fee-policy = Fee policy
point-late-fee-policy = Late-fee policy

## Fact catalogue and nightly replay

facts-title = Fact catalogue
facts-sub = What the host computes about each subject. A plug-in sees the facts that its manifest asks for, and nothing else.
facts-empty = Everything comes with the question itself; there is nothing more to ask for.
fact = Fact
fact-kind = Type
fact-number = number, { $scale ->
    [one] one decimal
   *[other] { $scale } decimals
  }
fact-kind-number = whole number
fact-kind-code = code
fact-kind-date = date
fact-kind-flag = yes or no
fact-asked-by = Installed plug-ins that ask for it
samples-title = Replay samples
samples-sub = Each night some posted decisions are asked again on the build that runs now and compared bit for bit.
samples-differ = The newest sample came out otherwise. Do not post with this build before the cause is known.
samples-waiting = The sample is being taken; look again in a moment.
samples-empty = No sample was taken yet.
samples-result = Result
samples-same = all identical
samples-other = different
samples-build = Build
samples-do = Take a sample now
samples-help = Up to 64 decisions, chosen at random from all posted runs.

## What is different about a version

differs-title = Different from version
differs-nothing = Nothing that can be told without running it; try it out on past months.
differs-answers = It answers: { $point }
differs-answers-no-more = It no longer answers: { $point }
differs-contract = Contract of { $point }: { $before } → { $after }
differs-sees = It newly sees: { $fact }
differs-sees-no-more = It no longer sees: { $fact }
differs-setting-added = New setting { $path }
differs-setting-required = Setting { $path } has to be given now
differs-setting-optional = Setting { $path } no longer has to be given
differs-setting-removed = Setting { $path } is gone
differs-setting-kind = Setting { $path } takes another kind of value: { $before } → { $after }
differs-setting-bounds = Setting { $path } has other bounds
differs-default = Default of { $path }: { $before } → { $after }
differs-sentences = Explanations or messages are told differently: { $names }
differs-publisher = Publisher: { $before } → { $after }
differs-float-free = It is free of floating point now
differs-floats = It contains floating point now
differs-runtime = Runtime: { $before } → { $after }
differs-size = Size: { $before } → { $after }

## Meters

meters-none = No meters yet.
meter-add = Add a meter
meter-add-do = Add
meter-title = Readings for { $item }
multiplier = multiplier
readings = Readings
readings-empty = Not read yet. Enter what the counter showed when it was installed.
reading-day = Day
reading-value = Reading
reading-usage = Since the last
reading-restart = Changed: new meter starts at
reading-restart-hint = empty if not changed
reading-help = When the meter was changed (or set back), enter the old one’s last value as the reading and where the new one starts: usage goes on.
reading-enter = Enter
reading-correct = Correct
reading-correcting = Correct the reading of { $date }
reading-save = Save
reading-changed = changed, goes on from
reading-charged = charged
reading-charged-help = This reading is charged already: what is posted does not change.
fault-reading-below-previous = The reading is below the one before; nothing was saved.
fault-reading-below-previous-help = Check it. If the meter was changed, enter the old one’s last value and where the new one starts.
fault-reading-above-next = The reading is above the next one; nothing was saved.
fault-reading-above-next-help = Check day and value, or correct the next one first.
fault-reading-in-future = That day has not come yet; nothing was saved.
fault-reading-in-future-help = Enter today or an earlier day.
fault-reading-out-of-range = The reading is out of range; nothing was saved.
fault-reading-out-of-range-help = It may not be negative, nor have more than 12 figures before the point.
fault-reading-day-taken = That day is read already; nothing was saved.
fault-reading-day-taken-help = To change it, press “Correct” in its row below.
fault-reading-no-number = The reading is not a number; nothing was saved.
fault-reading-no-number-help = Write it like 1234.5, with three decimals at most.
fault-reading-no-date = The day is not a date; nothing was saved.
fault-reading-no-date-help = Write it like 2025-03-31.
fault-multiplier-out-of-range = The multiplier cannot be used; nothing was added.
fault-multiplier-out-of-range-help = It is more than 0, with three decimals at most. Go back and correct it.
fault-stale = Somebody changed it meanwhile; nothing was saved.
fault-stale-help = Below is the newest state: look at it, then change it.

## Shared costs

pools = Shared costs
pools-headline = What each fee item’s units share in { $month }, allocated to the fen.
pools-show = Show
pools-shared = Fee items with shared costs
pools-none = No shared cost was entered in the last year. Choose a fee item below.
pools-others = Other fee items
pools-posted = Charges of this month are posted: a change only reaches units that are not charged yet.
pools-see-run = See the run
pool-previous = Last time (yuan)
pool-total = This month (yuan)
pool-none = not entered
pool-save = Save
fault-cost-out-of-range = The amount cannot be used; nothing was saved.
fault-cost-out-of-range-help = Enter between 0 and 100 million yuan, to the fen; leave it empty to share nothing.
## Life of a binding

plugin-log = Log of the plug-in
plugin-log-whole = of the whole call, which was about other units, too
binding-state-in-force = In force
binding-state-to-come = To come
binding-state-ended = Ended
binding-state-quarantined = Quarantined
quarantine-do = Quarantine…
quarantine-help = It is not asked any more: what it would charge is held, and other fee items go on. Say why.
quarantine-since = Since { $at }, by { $who }
quarantined-title = Quarantined: it is not asked.
quarantined-run = The run it broke in
quarantined-banner = { $item }: the plug-in { $plugin } is quarantined and everything is held ({ $reason })
quarantined-in-run = { $item }: the plug-in { $plugin } is quarantined and the rest is held ({ $reason })
release-do = Release…
release-help = What it broke on, or a sample of its last run, is asked again first. If all of it comes out well it is asked again from the next run on.
shadow-title = What the shadow would change
shadow-subjects = Subjects
shadow-before = Active
shadow-after = Shadow
shadow-changed = { $shown } of { $all } subjects come out otherwise: { $before } → { $after }
shadow-beyond = The totals leave their range
shadow-differs = { $item }: the shadow { $plugin } differs from the active one. { $difference }
shadow-stopped = { $item }: the shadow { $plugin } was stopped; the run is not affected ({ $reason })
shadow-change-same = Same
shadow-change-up = Up
shadow-change-down = Down
shadow-change-appears = Appears
shadow-change-vanishes = Vanishes
shadow-change-newly-held = Newly held
shadow-change-released = No longer held
shadow-change-still-held = Still held
watch-history = Runs
watch-never = It was not in any run yet.
watch-asked = Asked
watch-decided = Decided
watch-no = Said no
watch-not-decided = { $shown } said no
watch-failed = Failed
watch-left-out = Left out
watch-passed-over = { $shown } left out
watch-head-room = Most used
watch-shares = fuel { $fuel } · memory { $memory }
watch-call = Per call
watch-runs = in { $shown } runs
watch-last-error = Last error
watch-no-error = It never broke.
## Trials

trials-sub = Ask another plug-in version, or other settings, about the recorded inputs of posted months, and see what would differ.
trials-title = Trials so far
trials-empty = Nothing was tried yet.
trial-new = New trial
trial-harmless = Nothing is charged, no record is changed
trial-candidate = Candidate
trial-from = From
trial-to = To
trial-months = Months
trial-do = Start the trial
trial-this = Try it on past months…
trial-stop = Stop
trial-failed = It was not finished; the months that are done are kept, and it can be gone on with. Why:
trial-made = started by { $who } at { $at }
trial-state-waiting = Waiting
trial-state-running = Running
trial-state-done = Done
trial-state-failed = Failed
trial-state-cancelled = Stopped
trial-before = Recorded
trial-after = Candidate
trial-subjects = Subjects
trial-subjects-note = each unit once a month
trial-unasked =
    { $count ->
        [one] One more subject was held without a question, such as for want of a binding: it cannot be tried.
       *[other] { $shown } more subjects were held without a question, such as for want of a binding: they cannot be tried.
    }
trial-changes = What would differ
trial-change = Change
trial-histogram = Relative change
trial-month-by-month = Month by month
trial-nothing-yet = Nothing yet.
trial-why = why it differs
back-to-trial = Back to the trial
change-same = The same
change-up = Up
change-down = Down
change-appears = Charged where nothing was
change-vanishes = No longer charged
change-newly-held = Newly held
change-released = No longer held
change-still-held = Still held
movers-up = Largest rises
movers-down = Largest falls
movers-newly-held = Newly held
movers-released = No longer held
movers-note = each unit with its largest month
headroom = Share of the limits
headroom-fuel = Fuel, at most
headroom-memory = Memory, at most
progress-trying = Trying

## Audit

audit-sub = Every change has a row, chained to the one before: a missing or altered row is found.
audit-empty = No rows yet.
before-after = Before and after
before = Before
after = After
action-billing-run-create = Run made
action-billing-run-preview = Preview finished
action-billing-run-approve = Run approved
action-billing-run-start-posting = Posting started
action-billing-run-post = Run posted
action-billing-run-cancel = Run cancelled
action-billing-run-reopen = Run reopened
action-plugin-install = Plug-in installed
action-plugin-hand-in = Plug-in handed in
action-plugin-sign = Signature added to plug-in
action-publisher-trust = Publisher trusted
action-publisher-distrust = Publisher no longer trusted
action-trust-rule-change = Rule about signatures changed
action-binding-quarantine = Plug-in quarantined
action-binding-release = Plug-in released
action-binding-add = Plug-in enabled
action-trial-create = Trial started
action-estate-import = Workbook imported
action-unit-update = Unit changed
action-ownership-transfer = Owner changed
action-project-create = Project made
action-company-create = Company made
action-user-add = User added
action-user-set-password = Password set
action-token-issue = Login or token issued
action-token-revoke = Logout or token revoked
action-schedule-add = Schedule added
action-schedule-enable = Schedule switched
action-schedule-fire = Schedule fired
action-meter-reading-add = Meter reading entered
action-meter-reading-correct = Meter reading corrected
action-meter-add = Meters added
action-cost-pool-set = Shared cost entered
action-journal-entry-open = Journal entry opened
action-job-add = Job queued
action-job-cancel = Job cancelled

## Import

import-do = Import a workbook
import-sub = Compared first, written when you say so; one bad cell and nothing is written.
import-file = Workbook (xlsx, or the csv files of its five tables)
import-help = Importing the same file again changes nothing.
import-compare = Compare
import-would-change = Would add { $inserted } rows, change { $updated } and remove { $deleted }.
import-would-make = Would make the project and write { $inserted } rows.
import-done = Written: { $inserted } rows added, { $updated } changed, { $deleted } removed.
import-nothing = No difference: there is nothing to write.
import-confirm =
    { $count ->
        [one] Write one row
       *[other] Write { $shown } rows
    }
import-cancel = Give up
import-refused =
    { $count ->
        [one] One cell cannot be used.
       *[other] { $count } cells cannot be used.
    }
import-no-file = No file came with the form: choose one, or send it in the field workbook.
import-nothing-written = Nothing was written.
import-changed-meanwhile = The records changed meanwhile; here is the new difference.
import-more =
    { $count ->
        [one] One more difference is not shown.
       *[other] { $count } more differences are not shown.
    }
import-holds = The workbook holds
import-problems = Cells to mend
import-differences = Differences
import-see-units = See the units
difference-added = Added
difference-changed = Changed
difference-removed = Removed
difference-missing = Not in the workbook; stays
count-buildings = Buildings
count-entrances = Entrances
count-units = Units
count-unsold = of them unsold
count-parking-spaces = Parking spaces
count-owners = Owners
count-members = Family members and lessees
count-vehicles = Vehicles
count-fee-items = Fee items
count-fee-assignments = Fee assignments

## Roles

role-admin = Administrator
role-manager = Site manager
role-finance = Finance
role-cashier = Cashier
role-front-desk = Front desk
role-steward = Steward
role-engineer = Engineer
role-quality = Quality
role-staff = Staff

## Faults: what happened, that nothing was lost, what to do

fault-other = That did not work
fault-other-help = Nothing was changed. Go back and try again; if it stays so, tell your administrator the number below.
fault-not-found = There is nothing here
fault-not-found-help = It may be gone, or belong to another company. Start again from the first page.
fault-permission = Your role may not do this
fault-permission-help = Nothing was changed. Ask your administrator if you need it.
fault-four-eyes = You made this run: a second person has to approve it.
fault-four-eyes-help = Nothing was changed. Ask a colleague who may approve.
fault-still-failing = The plug-in still does not work
fault-still-failing-help = It stays quarantined. Bind another version or other settings, then try again.
fault-missing-fact = The rule asks for facts that were not recorded then
fault-missing-fact-help = Nothing was changed. Choose other months, or let the new rule run as a shadow for a month first.
fault-nothing-recorded = Nothing of this fee item is posted in these months
fault-nothing-recorded-help = Nothing was changed. Choose months that are posted.
fault-shared-cost = The shared cost cannot be shared by this rule
fault-shared-cost-help = Nothing was changed. Check the settings of the rule.
fault-no-binding = No rule is switched on for this fee item then
fault-no-binding-help = Nothing was changed. Switch a rule on from a day before these months.
fault-conflict = The situation has changed
fault-conflict-help = Somebody changed it just now, or it is done already. Nothing was lost; look again.
fault-invalid = What was entered cannot be used
fault-invalid-help = Nothing was written. Mend what is named below and send it again.
fault-malformed = The request is incomplete
fault-malformed-help = Nothing was written. Go back, check and send it again.
fault-too-large = The file is too large
fault-too-large-help = Nothing was written. Split the file, or import it with the command line.
fault-timeout = This took too long
fault-timeout-help = Try again later; what was done is not lost.
fault-unavailable = The system does not answer right now
fault-unavailable-help = Nothing was changed; try again in a while.
fault-internal = The system made a mistake
fault-internal-help = It was recorded and no data was touched. Tell your administrator the number below.
fault-cross-site = The request came from another site
fault-cross-site-help = Nothing was changed. Do it again from a page of this site.
fault-home = To the first page
fault-back = Back
fault-request = Request

# Switching on, and approvals
bind-do = Switch on
bind-help = Choose a fee item, fill in the settings, and set the first day. The rule before it ends on the day before.
bind-place = Project · fee item
bind-load = Load current settings
bind-choose = Choose a fee item first
bind-current = In force now:
bind-note = Note (for the second person and the audit trail)
bind-until = No longer in force from (may stay empty)
bind-mode-help = A shadow is asked beside the active rule and leaves only the difference it would make.
bind-tolerance = Of a shadow: may differ by up to (‰ of the total)
bind-trial = Trial report that speaks for it
bind-trial-none = none
proposal-trial = Read the trial report
bind-propose = Submit for approval
bind-second-person = The company asks for a second person's approval
settings-entries-help = One a line: code value, such as shop 4.35
settings-json-help = JSON
settings-unset = not set
migration-renamed = The setting { $old } is now called { $new }
migration-dropped = The new version has no setting { $name }; its value { $value } is no longer used
migration-added = The setting { $name } is new and has its default { $value }
proposals-title = Rule approvals
proposals-headline = { $count ->
    [0] No rule waits for approval
    [one] One rule waits for approval
   *[other] { $count } rules wait for approval
}
proposals-empty = Nothing has been submitted yet
proposals-rule = A second person has to approve a rule before it counts
proposal-approve = Approve
proposal-refuse = Refuse
proposal-withdraw = Withdraw
proposal-open = waiting
proposal-approved = approved
proposal-refused = refused
proposal-withdrawn = withdrawn
save = Save
roll-back-do = Roll back
roll-back-help = From this day on, what held before holds again.

# Tickets
nav-tickets = Tickets
nav-my-tickets = My tickets
yes = yes
ticket = Ticket
tickets-no-project = There is no project yet
tickets-headline = { $count ->
    [0] No ticket is open
    [one] One ticket is open, { $overdue } overdue
   *[other] { $count } tickets are open, { $overdue } overdue
}
tickets-overdue = Overdue
tickets-intake = To dispatch
tickets-to-call-back = To call back
tickets-search-hint = Number, phone, name, place or words
tickets-all-kinds = All kinds
tickets-all-states = All states
tickets-none-found = No ticket was found. Try something else, or search further back.
tickets-further = Search further back
tickets-column-open = To dispatch
tickets-column-dispatched = Dispatched · accepted
tickets-column-working = In work
tickets-column-solved = To call back · to close
tickets-column-empty = None
my-tickets-headline = { $count ->
    [0] You have no ticket
    [one] You have one ticket, { $overdue } overdue
   *[other] You have { $count } tickets, { $overdue } overdue
}
my-tickets-empty = There is nothing to do today.
my-tickets-offered = Free to take
ticket-new = Take in
ticket-take-in = Take in
ticket-not-taken-in = Not taken in: what was entered cannot be used
ticket-find-unit = Find the unit
ticket-find = Find
ticket-place = Place
ticket-common = Common area or another place
ticket-common-hint = such as the lobby of building 6
ticket-caller = Caller
ticket-phone = Phone
ticket-channel = Channel
ticket-about = Kind
ticket-kind = Kind
ticket-category = Category
ticket-category-none = None yet
ticket-words = What was said
ticket-priority = Priority
ticket-priority-usual = As the category says
ticket-priority-urgent = Urgent
ticket-priority-high = High
ticket-priority-normal = Normal
ticket-priority-low = Low
ticket-channel-counter = Counter
ticket-channel-phone = Phone
ticket-channel-api = API
ticket-channel-owner-link = Owner's link
ticket-state-intake = To dispatch
ticket-state-dispatched = Dispatched
ticket-state-accepted = Accepted
ticket-state-working = In work
ticket-state-suspended = Suspended
ticket-state-transferred = Handed on
ticket-state-returned = Returned
ticket-state-solved = Solved
ticket-state-followed-up = Followed up
ticket-state-closed = Closed
ticket-state-reopened = Reopened
ticket-state-cancelled = Cancelled
ticket-move-take-in = Take in
ticket-move-dispatch = Dispatch
ticket-move-accept = Accept
ticket-move-start = Start
ticket-move-suspend = Suspend
ticket-move-resume = Go on
ticket-move-transfer = Hand on
ticket-move-return = Return
ticket-move-solve = Solved
ticket-move-follow-up = Follow up
ticket-move-close = Close
ticket-move-reopen = Reopen
ticket-move-cancel = Cancel ticket
ticket-level = Risen to
ticket-level-steward = Steward
ticket-level-supervisor = Supervisor
ticket-level-project-head = Project head
ticket-level-company = Company
ticket-risen = Risen
ticket-late = Solved late
ticket-judged = Complaint
ticket-unjudged = Not judged yet
ticket-effective = Justified
ticket-unfounded = Unfounded
ticket-not-reached = Calls without answer
ticket-flagged = About its routing
ticket-assignee = Handled by
ticket-taken-in = Taken in
ticket-offered = Free to take
ticket-mine = me
ticket-due = Due
ticket-overdue = Overdue
ticket-no-due = No deadline
ticket-is-due = To be done by { $time }
ticket-was-due = Overdue since { $time }
ticket-history = What happened
ticket-timers = Deadlines and escalation
ticket-timer-response = Accept
ticket-timer-solve = Solve
ticket-timer-escalation = Rises
ticket-timer-follow-up = Follow up
ticket-stands-still = stands still
ticket-fired = fired
ticket-edit = Correct
ticket-reason = Why
ticket-reason-done = What was done
ticket-note = Note
ticket-to = To whom
ticket-to-anybody = Whoever takes it
ticket-to-nobody = The desk dispatches it
follow-ups = Follow-ups
follow-up-result = Result
follow-up-result-satisfied = Satisfied
follow-up-result-dissatisfied = Dissatisfied
follow-up-result-not-reached = Not reached
follow-up-channel = How
follow-up-channel-call = Call
follow-up-channel-visit = Visit
follow-up-channel-message = Message
follow-up-channel-owner-link = Owner's link
follow-up-score = Score
follow-up-words = What the customer said
fault-illegal-move = This is not possible now
fault-illegal-move-help = Nothing was changed. The ticket has come to the state below; do what is possible from there.
fault-follow-up-missing = It is closed after its follow-up
fault-follow-up-missing-help = Repairs and complaints are closed once the customer was called back and is satisfied.
fault-not-yours = Somebody else has this ticket
fault-not-yours-help = Nothing was changed. The desk can dispatch it to you.
fault-reason-missing = Say why
fault-reason-missing-help = Nothing was changed. Write the reason and send it again.
fault-ticket-taken = Somebody was faster
fault-ticket-taken-help = Nothing was changed. There may be others among your tickets.
fault-ticket-invalid = What was entered cannot be used
fault-ticket-invalid-help = Nothing was changed. Read what is wrong, mend it and send it again.
fault-ticket-ended = The ticket is over and is not changed any more
fault-ticket-ended-help = If there is more to do, take in another one.

# The owner's page
owner-title = Report and follow
owner-report = Report something
owner-what = What is wrong
owner-name = Your name
owner-send = Send
owner-words = Anything to add
owner-next-rate = Done: please rate it
owner-next-due = by { $time }
owner-too-many = That is a lot for one day: please call us.
owner-not-now = This is not possible now; see below how far it is.
owner-unusable = This cannot be used: say what is wrong and, if you are not satisfied, why.
owner-link = Owner's link
owner-link-made = Shown this once; send it to the owner:
owner-link-ticket = This ticket only
owner-link-unit = The unit: may report, too
owner-state-intake = Taken in
owner-state-dispatched = Somebody is on it
owner-state-accepted = Accepted
owner-state-working = In work
owner-state-suspended = Waiting
owner-state-transferred = With somebody else
owner-state-returned = Being arranged anew
owner-state-solved = Done
owner-state-followed-up = Rated
owner-state-closed = Closed
owner-state-reopened = In work again
owner-state-cancelled = Cancelled
fault-link-expired = This link has ended
fault-link-expired-help = Ask the front desk for a new one.
fault-too-many-requests = Too many requests
fault-too-many-requests-help = Nothing was lost. Wait a minute and try again.

# Work orders
work-orders = Work orders
work-order-add = Add a work order
work-order-title = What is to be done
work-order-checklist = Checklist, one thing a line
work-order-quote = Quote
work-order-amount = Amount (yuan)
work-order-what-for = What it is for
work-order-accept = The customer accepts
work-order-decline = The customer declines
work-order-complete = Complete
work-order-cancel = Cancel it
work-order-state-open = Open
work-order-state-done = Done
work-order-state-cancelled = Cancelled
work-order-payment-free = Free
work-order-payment-quoted = Waits for the customer
work-order-payment-accepted = Accepted
work-order-payment-declined = Declined
work-order-payment-to-charge = To be charged
fault-work-order-ended = The work order is over and is not changed any more
fault-work-order-ended-help = Nothing was changed. If there is more to do, add another one.
fault-no-quote = There is no quote that waits for an answer
fault-no-quote-help = Nothing was changed. Name a price first.
fault-quote-unanswered = The customer has not answered the quote yet
fault-quote-unanswered-help = Nothing was changed. Complete it once the customer has accepted.
fault-quote-declined = The customer has declined the quote
fault-quote-declined-help = Nothing was changed. Name another price, or cancel the work order.
fault-quote-accepted = The customer has accepted a price: it is not raised afterwards
fault-quote-accepted-help = Nothing was changed. Add another work order for what comes on top.
fault-checklist-open = The checklist is not done
fault-checklist-open-help = Nothing was changed. Tick every line first.
fault-too-many-work-orders = Too many work orders
fault-too-many-work-orders-help = Nothing was changed. Take in another ticket.
