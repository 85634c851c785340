<?php
/**
 * LibreNMS: notifications of gluster-trapgw become lines of the event log of the device.
 * Written by: gluster-trapgw integrations export --for librenms
 *
 * Put it into LibreNMS/Snmptrap/Handlers, the MIB into mibs/ (gluster-trapgw mib export --dir /opt/librenms/mibs), and the
 * lines of snmptraps.php into config/snmptraps.php. The device is the gateway, known by the address it sends from.
 */

namespace LibreNMS\Snmptrap\Handlers;

use App\Models\Device;
use LibreNMS\Enum\Severity;
use LibreNMS\Interfaces\SnmptrapHandler;
use LibreNMS\Snmptrap\Trap;

class GlusterEvent implements SnmptrapHandler
{
    public function handle(Device $device, Trap $trap): void
    {
        $get = fn (string $object): string => (string) $trap->getOidData("GLUSTER-EVENTS-MIB::$object.0");
        $event = $get('gtgEvName');
        if ($event === 'gtgHeartbeat') {
            return; // every minute, nothing to read
        }
        $state = $get('gtgEvAlarmState');
        $key = $get('gtgEvAlarmKey');
        $message = 'GlusterFS ' . ($key === '' ? $event : "$state $event [$key]") . ': ' . $get('gtgEvMessage');
        $trap->log($message, $this->severity($state, $get('gtgEvSeverity')), 'gluster');
    }

    private function severity(string $state, string $severity): Severity
    {
        if ($state === 'clear' || $state === '3') {
            return Severity::Ok;
        }

        return match ($severity) {
            'critical', '3', 'major', '4' => Severity::Error,
            'minor', '5', 'warning', '6' => Severity::Warning,
            'indeterminate', '2' => Severity::Notice,
            default => Severity::Info,
        };
    }
}
