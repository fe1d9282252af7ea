# Installs the publisher of a ministry on Windows, to be run once as administrator:
#   .\kerwen-watch.ps1 -Member sms -Plan C:\kerwen\sms.toml -Bootstrap broker:9094
# It makes a task that starts with the machine, runs as LOCAL SERVICE, and is started again
# whenever it ends. Windows' own scheduler does all of it: nothing else is installed.
param(
    [Parameter(Mandatory)] [ValidatePattern('^[a-z][a-z0-9-]*$')] [string] $Member,
    [Parameter(Mandatory)] [string] $Plan,
    [Parameter(Mandatory)] [string] $Bootstrap,
    [string] $Python = 'C:\kerwen\Scripts\python.exe',
    [string] $KerwenHome = 'C:\ProgramData\kerwen',
    [int] $MetricsPort = 9474
)
$ErrorActionPreference = 'Stop'
$account = 'NT AUTHORITY\LOCAL SERVICE'

# Keys and spool: the service and administrators, nobody else.
New-Item -ItemType Directory -Force -Path $KerwenHome | Out-Null
icacls $KerwenHome /inheritance:r /grant:r "${account}:(OI)(CI)F" `
    'BUILTIN\Administrators:(OI)(CI)F' | Out-Null

$command = @(
    "set KERWEN_HOME=$KerwenHome",
    "set KERWEN_BOOTSTRAP=$Bootstrap",
    "set KERWEN_METRICS_PORT=$MetricsPort",
    "set KERWEN_QUIET_AT=02:00",
    "`"$Python`" -m hub.cli.main watch --member $Member --plan `"$Plan`""
) -join '&& '
$action = New-ScheduledTaskAction -Execute 'cmd.exe' -Argument "/d /c `"$command`""
$trigger = New-ScheduledTaskTrigger -AtStartup
$settings = New-ScheduledTaskSettingsSet -RestartCount 999 `
    -RestartInterval (New-TimeSpan -Minutes 1) -ExecutionTimeLimit ([TimeSpan]::Zero) `
    -MultipleInstances IgnoreNew -StartWhenAvailable
$principal = New-ScheduledTaskPrincipal -UserId $account -LogonType ServiceAccount
Register-ScheduledTask -TaskName "Kerwen publisher $Member" -Action $action `
    -Trigger $trigger -Settings $settings -Principal $principal -Force | Out-Null
Start-ScheduledTask -TaskName "Kerwen publisher $Member"
