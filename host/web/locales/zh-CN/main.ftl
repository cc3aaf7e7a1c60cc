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
run-headline-computing = 正在计算，已得 { $shown } 条，共 { $total }。
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
progress-computing = 正在计算
progress-posting = 正在过账
progress-help = 可以离开本页，工作在后台继续。

## Held

held-title = { $month }暂挂
held-headline = { $shown } 户没有出账，原因如下。补好后重新试算，只补这些。
held-none = 没有暂挂，每一户都算出来了。
held-again = 重新试算
held-beyond = 另有 { $count } 户没有列出，请通过接口取全部。
hold-policy-error = 规则无法计算
hold-trap = 插件出错
hold-limit = 超出限额
hold-invalid-output = 结果不可信

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

## Plug-ins

plugin = 插件
plugins-sub = 规则由插件计算，在沙箱里运行，不能改动记录。
plugins-empty = 还没有安装插件。
arithmetic = 运算
float-free = 无浮点
has-floats = 含浮点
install-title = 安装插件
install-file = 插件文件
install-do = 检查并安装
install-help = 先验证类型、清单和样例，通过才安装。
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

## Faults: what happened, that nothing was lost, what to do

fault-other = 这一步没有做成
fault-other-help = 什么都没有改动。可以返回再试；如果一直这样，请把下面的编号告诉管理员。
fault-not-found = 找不到这一页
fault-not-found-help = 可能已经删除，或者不属于你的公司。请从首页重新进入。
fault-permission = 你的角色不能做这件事
fault-permission-help = 什么都没有改动。需要的话，请管理员调整你的角色。
fault-four-eyes = 这次计费是你做的，须由另一个人批准。
fault-four-eyes-help = 什么都没有改动。请有批准权限的同事来批准。
fault-missing-fact = 候选规则要用的资料当时没有记录，这些月份无法试算
fault-missing-fact-help = 什么都没有改动。可以换别的月份，或让新规则先以影子方式运行一个月。
fault-nothing-recorded = 这些月份没有这个收费项目的过账记录
fault-nothing-recorded-help = 什么都没有改动。请选择已过账的月份。
fault-shared-cost = 候选规则给出的份额无法分摊
fault-shared-cost-help = 什么都没有改动。请检查候选规则的设置。
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
