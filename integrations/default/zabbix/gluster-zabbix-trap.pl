#!/usr/bin/perl
# gluster-zabbix-trap.pl: a traphandle program for snmptrapd that writes traps for the SNMP trapper of Zabbix.
# Written by: gluster-trapgw integrations export --for zabbix
#
#   snmptrapd.conf:      traphandle default /usr/local/bin/gluster-zabbix-trap.pl /var/log/snmptrap/snmptrap.log
#   zabbix_server.conf:  StartSNMPTrapper=1
#                        SNMPTrapperFile=/var/log/snmptrap/snmptrap.log
#
# A notification of gluster-trapgw becomes a record of "name: value" lines, which the template reads. Every other trap is
# written as the lines that snmptrapd gave. Nothing here runs a command, and no value can end a line or begin a record.
use strict;
use warnings;
use Fcntl qw(:DEFAULT :flock);
use POSIX qw(strftime);

my $file = shift // '/var/log/snmptrap/snmptrap.log';
my $notifications = '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.0.';
my %object = (
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.1.0' => 'gtgEvClusterId.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.3.0' => 'gtgEvNodeName.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.4.0' => 'gtgEvName.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.5.0' => 'gtgEvDateAndTime.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.7.0' => 'gtgEvSeverity.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.8.0' => 'gtgEvAlarmState.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.9.0' => 'gtgEvAlarmKey.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.10.0' => 'gtgEvSequence.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.12.0' => 'gtgEvVolume.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.16.0' => 'gtgEvMessage.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.13.0' => 'gtgEvBrick.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.14.0' => 'gtgEvPeer.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.15.0' => 'gtgEvSubvol.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.2.0' => 'gtgEvNodeId.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.11.0' => 'gtgEvNotificationId.0',
  '.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.6.0' => 'gtgEvEpoch.0',
);
my @severity = ('', 'cleared', 'indeterminate', 'critical', 'major', 'minor', 'warning', 'info');
my @state    = ('', 'stateless', 'raise', 'clear', 'update');

# The group of an alarm is that of its class, so that raise and clear come to the same item; of all else, of the event.
my %class_group = (
  'peer' => 'peer',
  'peer-reject' => 'peer',
  'peer-rpc' => 'peer',
  'peer-store' => 'peer',
  'peer-unknown' => 'peer',
  'volume-stopped' => 'volume',
  'brick' => 'brick',
  'brick-reset' => 'brick',
  'brick-stop' => 'brick',
  'georep-paused' => 'georep',
  'georep-stopped' => 'georep',
  'georep-worker' => 'georep',
  'bad-file' => 'bitrot',
  'quota' => 'quota',
  'snapshot-activate' => 'snapshot',
  'snapshot-clone' => 'snapshot',
  'snapshot-config' => 'snapshot',
  'snapshot-deactivate' => 'snapshot',
  'snapshot-delete' => 'snapshot',
  'snapshot-limit' => 'snapshot',
  'snapshot-restore' => 'snapshot',
  'schedule-add' => 'snap_scheduler',
  'schedule-delete' => 'snap_scheduler',
  'schedule-edit' => 'snap_scheduler',
  'scheduler-disable' => 'snap_scheduler',
  'scheduler-enable' => 'snap_scheduler',
  'scheduler-init' => 'snap_scheduler',
  'svc' => 'svc',
  'svc-reconfigure' => 'svc',
  'compare-volume' => 'glusterd',
  'ganesha' => 'glusterd',
  'import-brick' => 'glusterd',
  'import-quota' => 'glusterd',
  'import-volume' => 'glusterd',
  'quorum' => 'quorum',
  'rebalance' => 'rebalance',
  'rebalance-status' => 'rebalance',
  'disperse' => 'ec',
  'client-auth' => 'client',
  'brick-acl' => 'posix',
  'same-gfid' => 'posix',
  'replica' => 'afr',
  'replica-quorum' => 'afr',
  'split-brain' => 'afr',
  'tier-paused' => 'tier',
  'tier-watermark' => 'tier',
  'add-brick' => 'dht',
  'disk-usage' => 'dht',
  'inode-usage' => 'dht',
  'remove-brick' => 'dht',
  'remove-brick-commit' => 'dht',
  'remove-brick-failed' => 'dht',
  'remove-brick-force' => 'dht',
  'remove-brick-start' => 'dht',
  'remove-brick-stop' => 'dht',
  'queue-overflow' => 'gateway',
  'source-silent' => 'gateway',
);
my %event_group = (
  'PEER_ATTACH' => 'peer',
  'PEER_DETACH' => 'peer',
  'PEER_STORE_FAILURE' => 'peer',
  'PEER_RPC_CREATE_FAILED' => 'peer',
  'PEER_REJECT' => 'peer',
  'PEER_CONNECT' => 'peer',
  'PEER_DISCONNECT' => 'peer',
  'PEER_NOT_FOUND' => 'peer',
  'UNKNOWN_PEER' => 'peer',
  'VOLUME_CREATE' => 'volume',
  'VOLUME_START' => 'volume',
  'VOLUME_STOP' => 'volume',
  'VOLUME_DELETE' => 'volume',
  'VOLUME_SET' => 'volume',
  'VOLUME_RESET' => 'volume',
  'BRICK_RESET_START' => 'brick',
  'BRICK_RESET_COMMIT' => 'brick',
  'BRICK_REPLACE' => 'brick',
  'BRICK_START_FAILED' => 'brick',
  'BRICK_STOP_FAILED' => 'brick',
  'BRICK_DISCONNECTED' => 'brick',
  'BRICK_CONNECTED' => 'brick',
  'BRICKPATH_RESOLVE_FAILED' => 'brick',
  'GEOREP_CREATE' => 'georep',
  'GEOREP_START' => 'georep',
  'GEOREP_STOP' => 'georep',
  'GEOREP_PAUSE' => 'georep',
  'GEOREP_RESUME' => 'georep',
  'GEOREP_DELETE' => 'georep',
  'GEOREP_CONFIG_SET' => 'georep',
  'GEOREP_CONFIG_RESET' => 'georep',
  'GEOREP_FAULTY' => 'georep',
  'GEOREP_CHECKPOINT_COMPLETED' => 'georep',
  'GEOREP_ACTIVE' => 'georep',
  'GEOREP_PASSIVE' => 'georep',
  'BITROT_ENABLE' => 'bitrot',
  'BITROT_DISABLE' => 'bitrot',
  'BITROT_SCRUB_THROTTLE' => 'bitrot',
  'BITROT_SCRUB_FREQ' => 'bitrot',
  'BITROT_SCRUB_OPTION' => 'bitrot',
  'BITROT_SCRUB_ONDEMAND' => 'bitrot',
  'BITROT_BAD_FILE' => 'bitrot',
  'QUOTA_ENABLE' => 'quota',
  'QUOTA_DISABLE' => 'quota',
  'QUOTA_SET_USAGE_LIMIT' => 'quota',
  'QUOTA_SET_OBJECTS_LIMIT' => 'quota',
  'QUOTA_REMOVE_USAGE_LIMIT' => 'quota',
  'QUOTA_REMOVE_OBJECTS_LIMIT' => 'quota',
  'QUOTA_ALERT_TIME' => 'quota',
  'QUOTA_SOFT_TIMEOUT' => 'quota',
  'QUOTA_HARD_TIMEOUT' => 'quota',
  'QUOTA_DEFAULT_SOFT_LIMIT' => 'quota',
  'QUOTA_CROSSED_SOFT_LIMIT' => 'quota',
  'SNAPSHOT_CREATED' => 'snapshot',
  'SNAPSHOT_CREATE_FAILED' => 'snapshot',
  'SNAPSHOT_ACTIVATED' => 'snapshot',
  'SNAPSHOT_ACTIVATE_FAILED' => 'snapshot',
  'SNAPSHOT_DEACTIVATED' => 'snapshot',
  'SNAPSHOT_DEACTIVATE_FAILED' => 'snapshot',
  'SNAPSHOT_SOFT_LIMIT_REACHED' => 'snapshot',
  'SNAPSHOT_HARD_LIMIT_REACHED' => 'snapshot',
  'SNAPSHOT_RESTORED' => 'snapshot',
  'SNAPSHOT_RESTORE_FAILED' => 'snapshot',
  'SNAPSHOT_DELETED' => 'snapshot',
  'SNAPSHOT_DELETE_FAILED' => 'snapshot',
  'SNAPSHOT_CLONED' => 'snapshot',
  'SNAPSHOT_CLONE_FAILED' => 'snapshot',
  'SNAPSHOT_CONFIG_UPDATED' => 'snapshot',
  'SNAPSHOT_CONFIG_UPDATE_FAILED' => 'snapshot',
  'SNAPSHOT_SCHEDULER_INITIALISED' => 'snap_scheduler',
  'SNAPSHOT_SCHEDULER_INIT_FAILED' => 'snap_scheduler',
  'SNAPSHOT_SCHEDULER_ENABLED' => 'snap_scheduler',
  'SNAPSHOT_SCHEDULER_ENABLE_FAILED' => 'snap_scheduler',
  'SNAPSHOT_SCHEDULER_DISABLED' => 'snap_scheduler',
  'SNAPSHOT_SCHEDULER_DISABLE_FAILED' => 'snap_scheduler',
  'SNAPSHOT_SCHEDULER_SCHEDULE_ADDED' => 'snap_scheduler',
  'SNAPSHOT_SCHEDULER_SCHEDULE_ADD_FAILED' => 'snap_scheduler',
  'SNAPSHOT_SCHEDULER_SCHEDULE_EDITED' => 'snap_scheduler',
  'SNAPSHOT_SCHEDULER_SCHEDULE_EDIT_FAILED' => 'snap_scheduler',
  'SNAPSHOT_SCHEDULER_SCHEDULE_DELETED' => 'snap_scheduler',
  'SNAPSHOT_SCHEDULER_SCHEDULE_DELETE_FAILED' => 'snap_scheduler',
  'SVC_MANAGER_FAILED' => 'svc',
  'SVC_RECONFIGURE_FAILED' => 'svc',
  'SVC_CONNECTED' => 'svc',
  'SVC_DISCONNECTED' => 'svc',
  'NOTIFY_UNKNOWN_OP' => 'glusterd',
  'IMPORT_QUOTA_CONF_FAILED' => 'glusterd',
  'IMPORT_VOLUME_FAILED' => 'glusterd',
  'IMPORT_BRICK_FAILED' => 'glusterd',
  'COMPARE_FRIEND_VOLUME_FAILED' => 'glusterd',
  'NFS_GANESHA_EXPORT_FAILED' => 'glusterd',
  'QUORUM_LOST' => 'quorum',
  'QUORUM_REGAINED' => 'quorum',
  'REBALANCE_START_FAILED' => 'rebalance',
  'REBALANCE_STATUS_UPDATE_FAILED' => 'rebalance',
  'VOLUME_REBALANCE_START' => 'rebalance',
  'VOLUME_REBALANCE_STOP' => 'rebalance',
  'VOLUME_REBALANCE_FAILED' => 'rebalance',
  'VOLUME_REBALANCE_COMPLETE' => 'rebalance',
  'EC_MIN_BRICKS_NOT_UP' => 'ec',
  'EC_MIN_BRICKS_UP' => 'ec',
  'CLIENT_CONNECT' => 'client',
  'CLIENT_AUTH_REJECT' => 'client',
  'CLIENT_DISCONNECT' => 'client',
  'POSIX_SAME_GFID' => 'posix',
  'POSIX_ALREADY_PART_OF_VOLUME' => 'posix',
  'POSIX_BRICK_NOT_IN_VOLUME' => 'posix',
  'POSIX_BRICK_VERIFICATION_FAILED' => 'posix',
  'POSIX_ACL_NOT_SUPPORTED' => 'posix',
  'POSIX_HEALTH_CHECK_FAILED' => 'posix',
  'AFR_QUORUM_MET' => 'afr',
  'AFR_QUORUM_FAIL' => 'afr',
  'AFR_SUBVOL_UP' => 'afr',
  'AFR_SUBVOLS_DOWN' => 'afr',
  'AFR_SPLIT_BRAIN' => 'afr',
  'TIER_ATTACH' => 'tier',
  'TIER_ATTACH_FORCE' => 'tier',
  'TIER_DETACH_START' => 'tier',
  'TIER_DETACH_STOP' => 'tier',
  'TIER_DETACH_COMMIT' => 'tier',
  'TIER_DETACH_FORCE' => 'tier',
  'TIER_PAUSE' => 'tier',
  'TIER_RESUME' => 'tier',
  'TIER_WATERMARK_HI' => 'tier',
  'TIER_WATERMARK_DROPPED_TO_MID' => 'tier',
  'TIER_WATERMARK_RAISED_TO_MID' => 'tier',
  'TIER_WATERMARK_DROPPED_TO_LOW' => 'tier',
  'TIER_START' => 'tier',
  'TIER_START_FORCE' => 'tier',
  'VOLUME_ADD_BRICK' => 'dht',
  'VOLUME_ADD_BRICK_FAILED' => 'dht',
  'VOLUME_REMOVE_BRICK_START' => 'dht',
  'VOLUME_REMOVE_BRICK_START_FAILED' => 'dht',
  'VOLUME_REMOVE_BRICK_COMMIT' => 'dht',
  'VOLUME_REMOVE_BRICK_COMMIT_FAILED' => 'dht',
  'VOLUME_REMOVE_BRICK_STOP' => 'dht',
  'VOLUME_REMOVE_BRICK_STOP_FAILED' => 'dht',
  'VOLUME_REMOVE_BRICK_FORCE' => 'dht',
  'VOLUME_REMOVE_BRICK_FORCE_FAILED' => 'dht',
  'VOLUME_REMOVE_BRICK_FAILED' => 'dht',
  'DHT_DISK_USAGE' => 'dht',
  'DHT_INODES_USAGE' => 'dht',
  'gtgHeartbeat' => 'heartbeat',
  'gtgStarted' => 'gateway',
  'gtgStopping' => 'gateway',
  'gtgQueueOverflow' => 'gateway',
  'gtgQueueNormal' => 'gateway',
  'gtgSourceSilent' => 'gateway',
  'gtgSourceActive' => 'gateway',
  'gtgTest' => 'gateway',
  'gtgResync' => 'gateway',
);

# An OID as a number, or its name without the module where it has one.
sub name {
  my $oid = shift;
  $oid =~ s/^.*:://s;
  $oid =~ s/^iso\./.1./;
  $oid =~ s/^enterprises\./.1.3.6.1.4.1./;
  $oid =~ s/^netSnmpPlaypen\./.1.3.6.1.4.1.8072.9999.9999./;
  $oid =~ s/^(?=\d)/./;
  return 'snmpTrapOID.0' if $oid eq '.1.3.6.1.6.3.1.1.4.1.0';
  return $object{$oid} // $oid;
}

# A value on one line, as it was sent: without the quotes of snmptrapd, and not in the hexadecimal that it uses for what is
# more than ASCII when it has no MIB.
sub plain {
  my $v = shift // '';
  $v =~ s/\\(["\\])/$1/g if $v =~ s/^"(.*)"\s*$/$1/s;
  $v = pack('H*', $v =~ s/ //gr) if $v =~ /^(?:[0-9A-F]{2} )+$/;
  $v =~ s/[\x00-\x1f\x7f]/ /g;
  $v =~ s/ZBXTRAP/ZBX-TRAP/g;   # would begin a record wherever it stands
  return substr($v, 0, 4096);
}

sub enum {
  my ($value, @names) = @_;
  $value =~ s/\(\d+\)$//;
  return $names[$value] if $value =~ /^[1-9]$/ && defined $names[$value];
  return (grep { $_ eq $value } @names) ? $value : 'unknown';
}

my @lines = <STDIN>;
my (undef, $from, @varbinds) = @lines;
my ($address) = ($from // '') =~ /\[([0-9a-fA-F.:]+)(?:%[^\]]*)?\]/;
$address //= ($from // '') =~ /^([0-9a-fA-F.:]+)\s*$/ ? $1 : die "gluster-zabbix-trap: no address in the second line\n";

my %value;
for (@varbinds) {
  chomp;
  my ($oid, $v) = split / /, $_, 2;
  $value{name($oid)} //= $v if defined $oid;   # of two the first counts
}
my $trap = $value{'snmpTrapOID.0'} // '';
my $ours = index(name($trap), $notifications) == 0 || $trap =~ /^GLUSTER-EVENTS-MIB::/;

my $record = strftime('%H:%M:%S %Y/%m/%d', localtime) . " ZBXTRAP $address\n";
if ($ours) {
  my $get = sub { plain($value{"$_[0].0"}) };
  my ($event, $key) = ($get->('gtgEvName'), $get->('gtgEvAlarmKey'));
  my ($class) = split m{/}, $key, 2;
  my $state = enum($get->('gtgEvAlarmState'), @state);
  my $group = $event_group{$event} // 'unknown';
  $group = $class_group{$class} // $group if $state ne 'stateless' && defined $class;
  my @fields = ([group => $group], [state => $state], [severity => enum($get->('gtgEvSeverity'), @severity)], [key => $key],
    [event => $event], [cluster => $get->('gtgEvClusterId')], [node => $get->('gtgEvNodeName')], [volume => $get->('gtgEvVolume')],
    [brick => $get->('gtgEvBrick')], [id => $get->('gtgEvNotificationId')], [text => $get->('gtgEvMessage')]);
  $record .= "gluster-trapgw\n" . join('', map { "$_->[0]: $_->[1]\n" } @fields);
} else {
  $record .= join('', map { '  ' . plain($_) . "\n" } @varbinds);
}

sysopen(my $out, $file, O_WRONLY | O_APPEND | O_CREAT, 0644) or die "gluster-zabbix-trap: open $file: $!\n";
flock($out, LOCK_EX) or die "gluster-zabbix-trap: lock $file: $!\n";
my $n = syswrite($out, $record);   # in one piece: Zabbix reads while it is written
die "gluster-zabbix-trap: write $file: $!\n" if !defined $n || $n != length $record;
