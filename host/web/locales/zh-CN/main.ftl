## Frame

app = 管家
logo = 管
skip = 跳到正文
nav = 导航
nav-today = 今日
nav-units = 房屋
nav-billing = 收费
nav-import = 导入
nav-plugins = 插件
nav-trials = 规则试算
nav-audit = 审计
nav-me = 我
nav-rules = 规则
nav-office = 管理
search = 搜索
search-hint = 搜索 房号 · 姓名 · 电话 · 车牌
search-hint-places = 搜索 房号 · 车牌
other-language = English
more = 更多
older = 更早
month = { $year } 年 { $month } 月
from-to = { $from } 至 { $to }
building = { $name } 栋
square-metres = { $area } m²
developer = 开发商
missing = 缺少
project = 项目
month-label = 月份
state = 状态
lines = 条数
total = 合计
held = 暂挂
unit = 房号
owner = 业主
kind = 类型
area = 建筑面积
occupancy = 使用状态
fee-item = 收费项目
fee-items = 收费项目
payer = 付费人
amount = 金额
quantity = 数量
unit-price = 单价
reason = 原因
why = 怎么算的
version = 版本
publisher = 发布者
signature = 签名
signed-by = 签名者
signer-unknown = 未知密钥
signature-trusted = 可信
signature-unknown-key = 未知密钥
signature-unsigned = 未签名
settings = 设置
time = 时间
who = 谁
what = 做了什么
number = 序号
hash = 校验
detail = 说明
sheet = 工作表
row = 行
column = 列
cell-value = 内容
default = 默认
required = 必填
created-by = 创建人
building-label = 楼栋
previous = 上期
this-time = 本期
difference = 差额
export-do = 导出表格
api-docs = 接口文档
logout = 退出登录

## Login

login-title = 登录
login-company = 公司
login-name = 用户名
login-password = 密码
login-do = 登录
login-failed = 公司、用户名或密码不对，请再试一次。

## Today

home-empty = 还没有项目。
home-empty-help = 先把项目的表格导入进来，就能开始计费。
home-waiting =
    { $count ->
        [0] 没有等待处理的事。
       *[other] { $count } 件事等着处理。
    }
home-waiting-title = 等待处理
home-missing-months =
    { $count ->
        [0] 各月都已过账。
       *[other] 还有 { $count } 个月没有过账。
    }
home-never-billed = 还没有计过费。
held-count = { $shown } 户暂挂

## Units

units-sub = 按楼栋、单元、房号排列
units-empty = 还没有房屋。导入项目的表格后会出现在这里。
units-none-found = 没有找到。试试房号的一部分（如 6-1），或业主的姓。
units-none-found-places = 没有找到。试试房号的一部分（如 6-1），或车牌。
unit-building = 楼栋
unit-entrance = 单元
unit-storey = 楼层
unit-area = 建筑面积
unit-internal-area = 室内面积
unit-rent = 租金
unit-layout = 户型
tenures = 持有与居住
tenure-owner = 业主
tenure-family-member = 家属
tenure-lessee = 租户
tenure-temporary = 临时人员
vehicles = 车辆
meters = 仪表
meter-read = { $date } 抄表
meter-unread = 还没有抄表
fee-assignments = 收费安排
span-always = 一直如此
span-since = { $from } 起
span-until = 至 { $to }
owner-none = 没有登记业主。
names-masked = 姓名已遮盖，需要“个人信息”权限才能看全。
facts = 房屋资料
charges = 应收
charges-empty = 还没有过账的应收。
charges-hidden = 你的角色看不到应收。
fee-items-sub = 最近一期
unit-kind-residential = 住宅
unit-kind-office = 办公
unit-kind-shop = 商铺
unit-kind-parking-space = 车位
unit-kind-storage = 储藏室
occupancy-occupied = 入住
occupancy-vacant = 空置
occupancy-unsold = 未售

## Billing

runs-title = 历次计费
runs-empty = 还没有计费。选一个月份，点“试算”。
runs-all-billed = 到本月为止都已过账。
runs-missing =
    { $count ->
        [1] { $first }还没有过账。
       *[other] 从{ $first }起有 { $count } 个月没有过账。
    }
runs-choose-month = 月份
runs-preview = 试算这个月
runs-preview-help = 只计算，不过账；可以反复试算。
runs-preview-month = 试算 { $month }
run-title = { $month }账单
run-state-computing = 计算中
run-state-previewed = 待批准
run-state-approved = 待过账
run-state-posting = 过账中
run-state-posted = 已过账
run-state-cancelled = 已取消
run-next-computing = 查看进度
run-next-previewed = 去批准
run-next-approved = 去过账
run-next-posting = 查看进度
run-headline-computing = 正在计算，算完就显示金额。
run-headline-previewed = { $shown } 条，共 { $total }，等待 { $maker } 以外的人批准。
run-headline-approved = { $shown } 条，共 { $total }，已批准，等待过账。
run-headline-posting = 正在过账 { $shown } 条，共 { $total }。
run-headline-posted = 已过账 { $shown } 条，共 { $total }。
run-headline-cancelled = 已取消，什么都没有过账。
run-created = { $who } 于 { $at } 试算
run-approved = { $who } 于 { $at } 批准
run-posted = { $who } 于 { $at } 过账
run-failed = 上次没有做完，已完成的部分都在。可以点“继续”。原因：
figure-total = 应收合计
figure-before = 上期 { $amount }
figure-difference = 差额
figure-lines = 账单条数
figure-posted = 已过账 { $shown } 条
figure-held = 暂挂
figure-held-none = 没有暂挂
figure-held-some = 其余不受影响
held-banner = { $shown } 户暂挂，其余不受影响。
held-look = 查看暂挂
totals-title = 按收费项目和楼栋
totals-previous = 对比
totals-beyond = 另有 { $count } 栋变化较小，查看全部
totals-no-previous = 没有更早的过账可比
all-buildings = 全部
largest-title = 金额最大的账单
largest-none = 还没有账单。
largest-too-many = 条数太多，请按收费项目或楼栋查看。
lines-all = 全部账单
lines-title = { $month }账单明细
lines-none = 这里没有账单。
back-to-run = 返回这次计费
approve-do = 批准…
approve-help = 批准后金额不再变化，可以过账。
approve-with-figures = 批准 { $shown } 条，共 { $total }
post-do = 过账…
post-help = 过账后形成应收和会计分录，只能冲正，不能修改。
post-with-figures = 过账 { $shown } 条，共 { $total }
cancel-do = 取消这次计费
cancel-help = 什么都不会过账；计算结果留档。
resume-do = 继续
again-do = 重新试算
progress-waiting = 等待开始
progress-checking = 正在编译和检查
progress-computing = 正在计算
progress-posting = 正在过账
progress-help = 可以离开本页，工作在后台继续。

## Held

held-title = { $month }暂挂
held-headline = { $shown } 户没有出账，原因如下。补好后重新试算，只补这些。
held-none = 没有暂挂，每一户都算出来了。
held-again = 重新试算
held-beyond = 另有 { $count } 户的原因各不相同，没有在上面分开列出。
held-by-reason = 按原因
held-subjects = 户数
held-list = 明细
held-list-all = 全部
held-list-show-all = 看全部
held-list-none = 这个原因下没有暂挂。
held-detail = 技术说明
hold-policy-error = 规则无法计算
hold-trap = 插件出错
hold-limit = 超出限额
hold-invalid-output = 结果不可信
hold-quarantined = 插件已隔离

## Line

why-title = 怎么算出来的
steps = 计算过程
replayable = 可重放
due-this-period = 本期应收
not-posted = 未过账
rule = 规则
effective-since = 生效
decision = 决策
engine = 引擎
facts-seen = 用到的资料
facts-none = 没有用到房屋资料。
settings-none = 没有设置。
replay-do = 重放
proof-do = 下载证明
replay-help = 用同一份规则、设置和资料再算一遍，逐位比对。
replay-identical = 重放一致：逐位相同。
replay-different = 重放不一致。
value-true = 是
value-false = 否
value-residential = 住宅
value-office = 办公
value-shop = 商铺
value-parking-space = 车位
value-storage = 储藏室
value-occupied = 入住
value-vacant = 空置
value-unsold = 未售
value-sold = 已售
value-leased = 租用
value-none = 无

## 更正

rerate-of = { $item } 更正
rerate-offer = 由其他规则出账的月份
rerate-months = { $months }由其他规则出账，而现在应由本规则计算，共 { $count } 个月。
rerate-from = 从
rerate-to = 到
rerate-do = 重算这些月份
rerate-help = 只提出差额，须另一人批准后才过账。
rerate-no-item = 本规则不对应任何收费项目
rerate-title = 更正前后
rerate-before = 原收
rerate-after = 应收
rerate-reversal = 冲回
rerate-charged = 改收
rerate-look = 查看那一条
rerate-takes-back = 这一条冲回已过账的一条：下面是原来的计算步骤，金额相反。
rerate-reversed-by = 这一条已被更正冲回。
rerate-net = 净差额
rerate-stands = 已过账 { $amount }
rerate-changed = 有变动的户数
rerate-up-down = 调高 { $up } · 调低 { $down }
rerate-unchanged = 不变
rerate-lines = 本次共 { $shown } 条
rerate-held-some = 仍按原收
rerate-totals = 更正后与已过账对比
rerate-largest = 变动最大
rerate-none = 计算结果与已过账的一致，没有需要更正的。
rerate-headline-computing = 正在计算，算完后显示差额。
rerate-headline-previewed = { $count ->
        [0] 没有任何一户金额变动。
       *[other] { $shown } 户金额变动，净差额 { $total }；须由 { $maker } 以外的人批准。
    }
rerate-headline-approved = { $shown } 户金额变动，净差额 { $total }；已批准，等待过账。
rerate-headline-posting = 正在过账 { $shown } 户的更正，净差额 { $total }。
rerate-headline-posted = 已更正 { $shown } 户，净差额 { $total }。
rerate-headline-cancelled = 已取消，没有更正任何账单。

## Plug-ins

plugin = 插件
plugins-sub = 规则由插件计算，在沙箱里运行，不能改动记录。
plugins-empty = 还没有安装插件。
arithmetic = 运算
float-free = 无浮点
has-floats = 含浮点
runtime = 运行方式
runtime-pure = 纯规则
runtime-virtual-wasi = 自带语言运行时（虚拟 WASI）
install-title = 安装插件
install-file = 插件文件
install-do = 检查并安装
install-reference = 从仓库安装
install-pull = 取来、检查并安装
fault-registry-not-allowed = 不从这个仓库取插件
fault-registry-not-allowed-help = 允许哪些仓库由系统运维人员设定（serve --registry）；也可以直接上传文件。
fault-registry-denied = 仓库拒绝访问
fault-registry-denied-help = 请系统运维人员开通这个仓库，或直接上传文件。
install-help = 先验证类型、清单和样例，通过才安装。
install-background = 它自带语言运行时，编译需要一些时间；全部检查通过后才安装。
install-open = 正在检查
install-stop = 停止
install-failed = 没有安装。原因：
install-state-ready = 等待中
install-state-running = 检查中
install-state-done = 已安装
install-state-failed = 未通过
install-state-cancelled = 已停止
plugin-reads = 只看得到这些资料：
fact-unknown = 本机没有这项资料
plugin-about = 关于
identifier = 标识
size = 大小
digest = 摘要
settings-schema = 可以设置
bindings = 启用情况
bindings-empty = 还没有在任何项目启用。
effective = 生效期
open-ended = 至今
mode = 方式
mode-trial = 试算
mode-shadow = 影子
mode-active = 生效
point-fee-policy = 收费规则
point-late-fee-policy = 违约金规则
point-ticket-policy = 工单规则

## Fact catalogue and nightly replay

facts-title = 资料目录
facts-sub = 系统为每个对象算好的资料。插件只看得到清单里申报的那几项，别的一概看不到。
facts-empty = 需要的内容都随问题给出，没有其他可申报的资料。
fact = 资料
fact-kind = 类型
fact-number = 数值，{ $scale } 位小数
fact-kind-number = 整数
fact-kind-code = 代码
fact-kind-date = 日期
fact-kind-flag = 是/否
fact-asked-by = 申报它的已装插件
samples-title = 重放抽查
samples-sub = 每晚用当前运行的版本把一部分已入账的决策重算一遍，逐位比对。
samples-differ = 最近一次抽查不一致。查明原因之前，请不要用这个版本入账。
samples-waiting = 正在抽查，请稍后再看。
samples-empty = 还没有抽查过。
samples-result = 结果
samples-same = 全部一致
samples-other = 不一致
samples-build = 版本
samples-do = 立即抽查
samples-help = 从所有已入账的账单里随机抽取，最多 64 个决策。

## What is different about a version

differs-title = 与上一版本的差别
differs-nothing = 不运行看不出差别，请用以往月份试算。
differs-answers = 新增职能：{ $point }
differs-answers-no-more = 不再负责：{ $point }
differs-contract = { $point }的接口版本：{ $before } → { $after }
differs-sees = 新看到的资料：{ $fact }
differs-sees-no-more = 不再看的资料：{ $fact }
differs-setting-added = 新增参数 { $path }
differs-setting-required = 参数 { $path } 现在必填
differs-setting-optional = 参数 { $path } 不再必填
differs-setting-removed = 取消参数 { $path }
differs-setting-kind = 参数 { $path } 的类型：{ $before } → { $after }
differs-setting-bounds = 参数 { $path } 的取值范围有变化
differs-default = 参数 { $path } 的默认值：{ $before } → { $after }
differs-sentences = 说明或提示的写法有变化：{ $names }
differs-publisher = 发布者：{ $before } → { $after }
differs-float-free = 不再含浮点运算
differs-floats = 开始含有浮点运算
differs-runtime = 运行方式：{ $before } → { $after }
differs-size = 大小：{ $before } → { $after }

## Meters

meters-none = 还没有仪表。
meter-add = 添加仪表
meter-add-do = 添加
meter-title = { $item }抄表
multiplier = 倍率
readings = 抄表记录
readings-empty = 还没有抄表。先录入安装时的底数。
reading-day = 抄表日期
reading-value = 读数
reading-usage = 比上次
reading-restart = 换表：新表起数
reading-restart-hint = 没换表就空着
reading-help = 换过表（或归零）时，“读数”填旧表止数，“新表起数”填新表的底数，用量会接着算。
reading-enter = 录入
reading-correct = 更正
reading-correcting = 更正 { $date } 的读数
reading-save = 保存更正
reading-changed = 换表，新表从
reading-charged = 已出账
reading-charged-help = 这个读数已经出账：更正后，已过账的金额不会变。
fault-reading-below-previous = 读数比前一次小，没有保存。
fault-reading-below-previous-help = 请核对；如果换过表，“读数”填旧表止数，并填写“新表起数”。
fault-reading-above-next = 读数比后一次大，没有保存。
fault-reading-above-next-help = 请核对日期和读数，或先更正后一次。
fault-reading-in-future = 日期还没到，没有保存。
fault-reading-in-future-help = 请填今天或更早的日期。
fault-reading-out-of-range = 读数超出范围，没有保存。
fault-reading-out-of-range-help = 读数不能是负数，整数部分最多 12 位。
fault-reading-day-taken = 这一天已经抄过，没有保存。
fault-reading-day-taken-help = 要改的话，请在下面那一行点“更正”。
fault-reading-no-number = 读数不是数字，没有保存。
fault-reading-no-number-help = 请写成 1234.5 这样，小数最多三位。
fault-reading-no-date = 日期不对，没有保存。
fault-reading-no-date-help = 请写成 2025-03-31 这样。
fault-multiplier-out-of-range = 倍率不对，没有添加。
fault-multiplier-out-of-range-help = 倍率要大于 0，小数最多三位。请返回改好再提交。
fault-stale = 别人刚刚改过，没有保存。
fault-stale-help = 下面是最新的内容，请看过再改。

## Shared costs

pools = 公摊总额
pools-headline = { $month }各收费项目要公摊的总额，按各户份额分到分。
pools-show = 查看
pools-shared = 公摊项目
pools-none = 最近一年没有录过公摊总额。在下面选收费项目录入。
pools-others = 其他收费项目
pools-posted = 这个月已有过账的账单：改动只影响还没有出账的户。
pools-see-run = 查看账单
pool-previous = 上次（元）
pool-total = 本月总额（元）
pool-none = 未录入
pool-save = 保存
fault-cost-out-of-range = 金额不对，没有保存。
fault-cost-out-of-range-help = 请填 0 到 1 亿元之间的金额，精确到分；空着就是不公摊。
## Life of a binding

plugin-log = 插件日志
plugin-log-whole = 整次调用，含其他房屋
binding-state-in-force = 启用中
binding-state-to-come = 未开始
binding-state-ended = 已结束
binding-state-quarantined = 已隔离
quarantine-do = 隔离…
quarantine-help = 隔离后不再调用这个插件，应由它计算的费用全部暂挂，其他收费项目照常。请写明原因。
quarantine-since = { $at } 起，由 { $who }
quarantined-title = 已隔离，不参与计算。
quarantined-run = 出错的计费
quarantined-banner = { $item }：插件 { $plugin } 已隔离，费用全部暂挂（{ $reason }）
quarantined-in-run = { $item }：插件 { $plugin } 已隔离，其余房屋暂挂（{ $reason }）
release-do = 解除隔离…
release-help = 先把它出错的（或上次计费抽样的）计算重做一遍，全部正常才解除，从下一次计费起生效。
shadow-title = 影子运行的差别
shadow-subjects = 户数
shadow-before = 现行
shadow-after = 影子
shadow-changed = { $all } 户中 { $shown } 户不同：{ $before } → { $after }
shadow-beyond = 合计超出范围
shadow-differs = { $item }：影子插件 { $plugin } 与现行结果不同，{ $difference }
shadow-stopped = { $item }：影子插件 { $plugin } 已停下，不影响本次计费（{ $reason }）
shadow-change-same = 相同
shadow-change-up = 增加
shadow-change-down = 减少
shadow-change-appears = 新出现
shadow-change-vanishes = 归零
shadow-change-newly-held = 变为暂挂
shadow-change-released = 不再暂挂
shadow-change-still-held = 仍暂挂
watch-history = 历次计费
watch-never = 还没有参与过计费。
watch-asked = 计算户数
watch-decided = 算出
watch-no = 不收或无法决定
watch-not-decided = 不收或无法决定 { $shown }
watch-failed = 出错
watch-left-out = 未计算
watch-passed-over = 未计算 { $shown }
watch-head-room = 最大用量
watch-shares = 算力 { $fuel } · 内存 { $memory }
watch-call = 每次调用
watch-runs = 共 { $shown } 次计费
watch-last-error = 最近的错误
watch-no-error = 没有出过错。
## Trials

trials-sub = 换一个插件版本或一组设置，用以往已过账月份当时的资料重算一遍，看会有什么不同。
trials-title = 做过的试算
trials-empty = 还没有试算过。
trial-new = 新的试算
trial-harmless = 不出账，不改动任何记录
trial-candidate = 候选规则
trial-from = 从
trial-to = 到
trial-months = 月份
trial-do = 开始试算
trial-this = 用以往月份试算…
trial-stop = 停下
trial-failed = 没有做完，已完成的月份都在。可以点“继续”。原因：
trial-made = { $who } 于 { $at } 发起
trial-state-waiting = 等待
trial-state-running = 试算中
trial-state-done = 已完成
trial-state-failed = 失败
trial-state-cancelled = 已停下
trial-before = 原收费
trial-after = 试算结果
trial-subjects = 户次
trial-subjects-note = 每户每月算一次
trial-unasked =
    { $count ->
       *[other] 另有 { $shown } 户次当时没有提问记录（例如还没有启用插件），无从试算。
    }
trial-changes = 会有什么不同
trial-change = 变化
trial-histogram = 变动幅度
trial-month-by-month = 逐月
trial-nothing-yet = 还没有结果。
trial-why = 为什么不同
back-to-trial = 返回这次试算
change-same = 不变
change-up = 上涨
change-down = 下降
change-appears = 原来不收，现在收
change-vanishes = 原来收，现在不收
change-newly-held = 新暂挂
change-released = 不再暂挂
change-still-held = 仍暂挂
movers-up = 涨得最多
movers-down = 降得最多
movers-newly-held = 新暂挂的
movers-released = 不再暂挂的
movers-note = 每户只列变动最大的一个月
headroom = 用掉限额的
headroom-fuel = 燃料（最多一次）
headroom-memory = 内存（最多一次）
progress-trying = 正在试算

## Audit

audit-sub = 每一次改动都有记录，前后相连，缺一行或改一行都能发现。
audit-empty = 还没有记录。
before-after = 改动前后
before = 之前
after = 之后
action-billing-run-create = 创建计费
action-billing-run-preview = 算完试算
action-billing-run-approve = 批准计费
action-billing-run-start-posting = 开始过账
action-billing-run-post = 过账完成
action-billing-run-cancel = 取消计费
action-billing-run-reopen = 退回
action-plugin-install = 安装插件
action-plugin-hand-in = 提交插件
action-plugin-sign = 补充插件签名
action-publisher-trust = 信任发布者
action-publisher-distrust = 取消信任发布者
action-trust-rule-change = 更改签名要求
action-binding-quarantine = 插件已隔离
action-binding-release = 隔离已解除
action-binding-add = 启用插件
action-trial-create = 规则试算
action-estate-import = 导入表格
action-unit-update = 修改房屋
action-ownership-transfer = 业主变更
action-project-create = 新建项目
action-company-create = 新建公司
action-user-add = 新增用户
action-user-set-password = 设置密码
action-token-issue = 登录或发放令牌
action-token-revoke = 退出或收回令牌
action-schedule-add = 新增定时
action-schedule-enable = 启停定时
action-schedule-fire = 定时触发
action-meter-reading-add = 录入抄表
action-meter-reading-correct = 更正抄表
action-meter-add = 新增仪表
action-cost-pool-set = 录入公摊总额
action-journal-entry-open = 新建分录
action-job-add = 安排任务
action-job-cancel = 取消任务

## Import

import-do = 导入表格
import-sub = 先比对，看清差异再写入；有一格不对就整份不写。
import-file = 表格文件（xlsx，或五张表的 csv）
import-help = 同一份文件再导一次，什么都不会变。
import-compare = 比对
import-would-change = 将新增 { $inserted } 行、修改 { $updated } 行、删除 { $deleted } 行。
import-would-make = 将新建项目并写入 { $inserted } 行。
import-done = 已写入：新增 { $inserted } 行、修改 { $updated } 行、删除 { $deleted } 行。
import-nothing = 没有差异，什么都不用写。
import-confirm = 写入 { $shown } 行
import-cancel = 放弃
import-refused = { $count } 个单元格不能用。
import-no-file = 没有收到文件：请先选好表格文件（用接口上传时，字段名是 workbook）。
import-nothing-written = 什么都没有写入。
import-changed-meanwhile = 数据在此期间有变化，请看新的差异。
import-more = 另有 { $count } 处差异没有列出。
import-holds = 表格里有
import-problems = 要改的单元格
import-differences = 差异
import-see-units = 查看房屋
difference-added = 新增
difference-changed = 修改
difference-removed = 删除
difference-missing = 表里没有，保留
count-buildings = 楼栋
count-entrances = 单元
count-units = 房屋
count-unsold = 其中未售
count-parking-spaces = 车位
count-owners = 业主
count-members = 家庭成员和租户
count-vehicles = 车辆
count-fee-items = 收费项目
count-fee-assignments = 房屋收费

## Roles

role-admin = 管理员
role-manager = 项目经理
role-finance = 财务
role-cashier = 收费员
role-front-desk = 客服前台
role-steward = 管家
role-engineer = 工程
role-quality = 品质
role-staff = 员工

## Faults: what happened, that nothing was lost, what to do

fault-other = 这一步没有做成
fault-other-help = 什么都没有改动。可以返回再试；如果一直这样，请把下面的编号告诉管理员。
fault-not-found = 找不到这一页
fault-not-found-help = 可能已经删除，或者不属于你的公司。请从首页重新进入。
fault-permission = 你的角色不能做这件事
fault-permission-help = 什么都没有改动。需要的话，请管理员调整你的角色。
fault-four-eyes = 这次计费是你做的，须由另一个人批准。
fault-four-eyes-help = 什么都没有改动。请有批准权限的同事来批准。
fault-still-failing = 插件还没有恢复正常
fault-still-failing-help = 隔离没有解除。换一个版本或改好设置后再试。
fault-missing-fact = 规则要用的资料当时没有记录，这些月份无法计算
fault-missing-fact-help = 什么都没有改动。可以换别的月份，或让新规则先以影子方式运行一个月。
fault-nothing-recorded = 这些月份没有这个收费项目的过账记录
fault-nothing-recorded-help = 什么都没有改动。请选择已过账的月份。
fault-shared-cost = 这条规则无法分摊公摊费用
fault-shared-cost-help = 什么都没有改动。请检查规则的设置。
fault-no-binding = 这些月份的收费项目没有启用规则
fault-no-binding-help = 什么都没有改动。请先从这些月份之前的日期启用一条规则。
fault-conflict = 情况已经变了
fault-conflict-help = 别人刚刚改过，或者这一步已经做过。什么都没有丢，请刷新后再看。
fault-invalid = 填写的内容不能用
fault-invalid-help = 什么都没有写入。请按下面的说明改好再提交。
fault-malformed = 请求不完整
fault-malformed-help = 什么都没有写入。请返回检查后再提交。
fault-too-large = 文件太大
fault-too-large-help = 什么都没有写入。请拆分文件，或用命令行导入。
fault-timeout = 时间太长，已停下
fault-timeout-help = 请稍后再试；已完成的部分不会丢。
fault-unavailable = 系统暂时忙不过来
fault-unavailable-help = 什么都没有改动，请过一会儿再试。
fault-internal = 系统出错了
fault-internal-help = 错误已记录，数据没有受影响。请把下面的编号告诉管理员。
fault-cross-site = 请求来自别的网站，已拦下
fault-cross-site-help = 什么都没有改动。请从本站页面重新操作。
fault-home = 回到今日
fault-back = 返回
fault-request = 请求编号

# 启用与审批
bind-do = 启用
bind-help = 选择用在哪里，填写参数，定一个生效日期。原来的规则在前一天结束。
bind-place = 用在
bind-load = 载入当前参数
bind-choose = 请先选择用在哪里
bind-current = 当前启用：
bind-note = 说明（给审批人和审计看）
bind-effects-help = 未勾选的一律不执行，并记在每次决定旁。
bind-effects = 它请求允许：
effect-unknown = 本系统不支持
plugin-words = 它会读取客户填写或口述的内容。
bind-until = 自这一天起不再生效（可不填；此后恢复原来的规则）
bind-mode-help = 影子规则与生效规则同时计算，只留下差异，不计费。
bind-tolerance = 影子允许的差异（合计的千分之几）
bind-trial = 附上试算报告
bind-trial-none = 不附
proposal-trial = 查看试算报告
bind-propose = 提交审批
bind-second-person = 公司要求由第二人审批
settings-entries-help = 每行一个：代码 数值，例如 shop 4.35
settings-json-help = JSON 格式
settings-unset = 未设置
migration-renamed = 参数 { $old } 已改名为 { $new }
migration-dropped = 新版本没有参数 { $name }，原值 { $value } 不再使用
migration-added = 新增参数 { $name }，采用默认值 { $value }
proposals-title = 启用审批
proposals-headline = { $count ->
    [0] 没有等待审批的规则
   *[other] { $count } 项规则等待审批
}
proposals-empty = 还没有提交过审批
proposals-rule = 规则启用前必须由第二人审批
proposal-approve = 同意启用
proposal-refuse = 不同意
proposal-withdraw = 撤回
proposal-open = 待审批
proposal-approved = 已同意
proposal-refused = 已拒绝
proposal-withdrawn = 已撤回
save = 保存
roll-back-do = 退回上一规则
roll-back-help = 从这一天起，之前的规则重新生效。

## 安装之前先看的文件

upload-do = 先看看
upload-pull = 取来先看看
upload-title = 安装之前
upload-sub = 这个文件是什么、检查结果如何。现在还没有安装任何东西，它什么也做不了。
upload-refused = 它装不上。原因和办法：
upload-bundle = 插件包：里面的插件要么全部安装，要么一个也不装。
upload-origin = 来自
upload-installed = 已经安装
upload-install = 就安装这个文件
upload-install-try = 安装并用过去月份试算
upload-harmless = 装好的插件在指定日期启用之前不会计费。
verdict-accepted = 全部检查通过
verdict-later = 安装时编译并检查
verdict-refused = 未通过
floats-unknown = 编译后才知道
plugin-effects = 除了给出结果，它还要求系统：
effects-none = 它不要求任何动作：它只给出结果，其余由系统来做。
cases-title = 自带算例
cases-none = 没有自带算例。
case = 算例
case-point = 所属
case-subjects = 对象数
case-outcome = 结果
case-passed = 通过
case-failed = 未通过
case-not-run = 未运行
limits-title = 每次调用的限度
limits-help = 由本机规定，插件不能提高。
limit-memory = 内存
limit-fuel = 运算量
limit-fuel-figures = { $base }，每个对象另加 { $each }
limit-deadline = 时间
limit-seconds = { $seconds } 秒
action-plugin-upload = 查看插件文件
fault-bundle-takes-long = 包里有插件需要较长时间编译
fault-bundle-takes-long-help = 什么也没有安装。请在命令行用“guanjia plugin install”安装整个包，或逐个安装其中的文件。

## 所有项目中已隔离的规则

quarantines-title = 已隔离的规则
quarantines-sub = 这些插件在所绑定的项目里暂不使用，相关费用挂起。
quarantines-empty = 没有已隔离的规则。
quarantines-since = 开始时间
quarantines-more = 更多

## Checks of `guanjia check`

check-charges-have-transfers = 每笔应收都有凭证
check-transfers-have-charges = 每笔凭证都有应收
check-charges-refer-to-records = 应收所指的房屋、付款人和计费依据都在
check-reversals-match-charges = 冲正与原应收一致
check-corrected-charges-are-reversed = 更正过的应收都已冲正
check-transfers-refer-to-records = 凭证所指的科目都在
check-journal-balances = 借贷平衡
check-receivables-equal-charges = 应收余额与应收一致
check-runs-are-posted-whole = 每次计费都完整过账
check-audit-chain = 审计链完整
check-replay-sample = 抽样重算一致
trial-not-installed = 试算还没有安装的文件：先看看，再选“安装并用过去月份试算”。安装本身不会计费。
