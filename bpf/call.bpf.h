/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Arguments, siginfo and pidfd -> a call, and what kind of call it is. */
#ifndef SIGTRAIL_CALL_BPF_H
#define SIGTRAIL_CALL_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "arch.bpf.h"
#include "event.h"
#include "process.bpf.h"

#define OVERFLOW_UID 65534

/* A pidfd's flag: O_EXCL of fcntl.h. */
#define PIDFD_THREAD 0200
#define PIDFD_SIGNAL_THREAD 1
#define PIDFD_SIGNAL_PROCESS_GROUP 4
#define PIDFD_SELF_THREAD (-10000)
#define PIDFD_SELF_THREAD_GROUP (-10001)

#define ANON_INODE_FS_MAGIC 0x09041934
#define PID_FS_MAGIC 0x50494446
#define PROC_SUPER_MAGIC 0x9fa0

/* What a sender fills in of a siginfo, with 64 bits and with 32. */
struct sent_info {
	__s32 signo;
	__s32 error;
	__s32 code;
	__s32 pad;
	__s32 pid;
	__u32 uid;
	__u64 value;
};

struct sent_info32 {
	__s32 signo;
	__s32 error;
	__s32 code;
	__s32 pid;
	__u32 uid;
	__u32 value;
};

/* Whether the call names a process and one of its threads. */
static __always_inline int names_two(int syscall)
{
	return syscall == SYSCALL_TGKILL || syscall == SYSCALL_RT_TGSIGQUEUEINFO;
}

static __always_inline __s32 args_sig(const struct args *a)
{
	return names_two(a->syscall) ? a->arg[2] : a->arg[1];
}

/* The address of the siginfo; 0 if the call has none. */
static __always_inline unsigned long args_info(const struct args *a)
{
	if (a->syscall == SYSCALL_RT_TGSIGQUEUEINFO)
		return a->arg[3];
	return a->syscall >= SYSCALL_RT_SIGQUEUEINFO ? a->arg[2] : 0;
}

/* A uid as the current process's user namespace numbers it. */
static __always_inline __u32 ns_uid(__u32 uid)
{
	struct task_struct *task = current_task();
	struct user_namespace *ns = BPF_CORE_READ(task, real_cred, user_ns);
	__u32 extents;

	if (!BPF_CORE_READ(ns, level))
		return uid;
	extents = BPF_CORE_READ(ns, uid_map.nr_extents);
	for (__u32 i = 0; i < 5 && i < extents; i++) {
		__u32 lower = BPF_CORE_READ(ns, uid_map.extent[i].lower_first);

		if (uid - lower < BPF_CORE_READ(ns, uid_map.extent[i].count))
			return BPF_CORE_READ(ns, uid_map.extent[i].first) + (uid - lower);
	}
	return OVERFLOW_UID;
}

static __always_inline void read_sent_info(struct call *call, unsigned long address)
{
	if (call->abi == ABI_NATIVE) {
		struct sent_info info;

		if (bpf_probe_read_user(&info, sizeof(info), (void *)address))
			return;
		call->si_code = info.code;
		call->si_pid = info.pid;
		call->si_uid = info.uid;
		call->si_value = info.value;
	} else {
		struct sent_info32 info;

		if (bpf_probe_read_user(&info, sizeof(info), (void *)address))
			return;
		call->si_code = info.code;
		call->si_pid = info.pid;
		call->si_uid = info.uid;
		call->si_value = info.value;
	}
	call->ns_uid = ns_uid(bpf_get_current_uid_gid());
	call->flags |= CALL_HAS_INFO;
}

/*
 * Reads the same from the kernel's copy, which the sender can no longer change.
 * There si_pid is 0 for a target that cannot see the sender, and si_uid is what
 * the target's user namespace makes of it. At the entry, the sender's own may have
 * been out of memory; the kernel has read it in since, from this address.
 */
static __always_inline void correct_sent_info(struct call *call, struct kernel_siginfo *info,
					      struct task_struct *task, unsigned long address)
{
	struct task_struct *sender = current_task();
	struct {
		__s32 pid;
		__u32 uid;
		__u64 value;
	} sent;

	if (!(call->flags & CALL_HAS_INFO))
		read_sent_info(call, address);
	if (bpf_probe_read_kernel(&sent, sizeof(sent),
				  (void *)info +
					  bpf_core_field_offset(struct kernel_siginfo, _sifields)))
		return;
	call->si_code = BPF_CORE_READ(info, si_code);
	call->si_value = sent.value;
	if (!(call->flags & CALL_HAS_INFO)) {
		call->si_pid = 0;
		call->si_uid = sent.uid;
		call->ns_uid = ns_uid(bpf_get_current_uid_gid());
	}
	if (sent.pid)
		call->si_pid = sent.pid;
	if (BPF_CORE_READ(sender, real_cred, user_ns) == BPF_CORE_READ(task, real_cred, user_ns))
		call->si_uid = sent.uid;
	call->flags |= CALL_HAS_INFO;
}

/* Whether the file is called as a pidfd's is, on kernels before pidfs (6.9). */
static __always_inline int is_called_pidfd(struct file *file)
{
	char name[8] = {};

	bpf_probe_read_kernel_str(name, sizeof(name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return name[0] == '[' && name[1] == 'p' && name[2] == 'i' && name[3] == 'd' &&
	       name[4] == 'f' && name[5] == 'd' && name[6] == ']';
}

static __always_inline struct file *current_file(__u32 fd)
{
	struct task_struct *task = current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = 0;

	if (fd < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

/* Whose pidfd, or whose directory in /proc, a file is; 0 if it is neither. */
static __always_inline struct pid *file_pid(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct proc_inode *proc;

	switch (BPF_CORE_READ(inode, i_sb, s_magic)) {
	case PID_FS_MAGIC:
		return BPF_CORE_READ(inode, i_private);
	case ANON_INODE_FS_MAGIC:
		return is_called_pidfd(file) ? BPF_CORE_READ(file, private_data) : 0;
	case PROC_SUPER_MAGIC:
		proc = (void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);
		return BPF_CORE_READ(proc, pid);
	}
	return 0;
}

static __always_inline void read_pidfd(struct call *call, __u32 flags)
{
	struct pid *pid;

	call->pidfd_flags = flags;
	call->pidfd_pid = 0;
	if (call->target == PIDFD_SELF_THREAD) {
		call->pidfd_pid = current_pid_tgid();
		call->flags |= CALL_TO_THREAD;
	} else if (call->target == PIDFD_SELF_THREAD_GROUP) {
		call->pidfd_pid = current_pid_tgid() >> 32;
	} else {
		struct file *file = current_file(call->target);

		if (!file)
			return;
		pid = file_pid(file);
		/* After it was reaped, its number may be another's. */
		if (pid && BPF_CORE_READ(pid, tasks[0].first))
			call->pidfd_pid = read_upid(pid, 0).nr;
		if (BPF_CORE_READ(file, f_flags) & PIDFD_THREAD)
			call->flags |= CALL_TO_THREAD;
	}
	if (flags) {
		call->flags &= ~CALL_TO_THREAD;
		if (flags == PIDFD_SIGNAL_THREAD)
			call->flags |= CALL_TO_THREAD;
		if (flags == PIDFD_SIGNAL_PROCESS_GROUP)
			call->flags |= CALL_TO_GROUP;
	}
}

/* Fills in what is known at the entry. The recipient counts only with its flag. */
static __always_inline void start_call(struct call *call, const struct args *a)
{
	unsigned long info = args_info(a);

	call->header.time_ns = bpf_ktime_get_ns();
	call->header.kind = RECORD_CALL;
	call->syscall = a->syscall;
	call->abi = a->abi;
	call->flags = info ? CALL_PASSED_INFO : 0;
	call->target = a->arg[0];
	call->target_tid = names_two(a->syscall) ? a->arg[1] : 0;
	call->sig = args_sig(a);
	call->recipient_count = 0;
	call->recipients_refused = 0;
	call->spared_count = 0;
	if (info)
		read_sent_info(call, info);
	if (a->syscall == SYSCALL_PIDFD_SEND_SIGNAL)
		read_pidfd(call, a->arg[3]);
}

/* Whether the call goes to a process group or to many processes. */
static __always_inline int is_group_call(const struct call *call)
{
	return (call->syscall == SYSCALL_KILL && call->target <= 0) || call->flags & CALL_TO_GROUP;
}

/* Whether the call means a whole process, even if its number is that of a thread. */
static __always_inline int is_process_call(const struct call *call)
{
	switch (call->syscall) {
	case SYSCALL_KILL:
	case SYSCALL_RT_SIGQUEUEINFO:
		return 1;
	case SYSCALL_PIDFD_SEND_SIGNAL:
		return !(call->flags & CALL_TO_THREAD);
	default:
		return 0;
	}
}

#endif
